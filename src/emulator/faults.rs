//! Which account or call meets which fault: pure decisions from a seed, so that the same list of accounts meets
//! the same faults in every run, whatever the concurrency.
//!
//! An account's decision is a hash of seed, fault and account. A call's decision is a hash of seed, fault, the
//! first account of the call and how often that account has met the fault: memory grows only with the calls
//! that met one.

use std::collections::{HashMap, HashSet};

use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use super::settings::{AccountFault, CallFault, Faults};

/// The number that stands for an account in all decisions.
pub(super) fn hash_of(seed: u64, account: &str) -> u64 {
    xxh3_64_with_seed(account.as_bytes(), seed)
}

/// The number that stands for a fault, tag or other purpose in decisions.
pub(super) fn salt_of(purpose: &str) -> u64 {
    xxh3_64(purpose.as_bytes())
}

/// Draws a number that looks random for each pair (the finalizer of splitmix64).
pub(super) const fn mix(hash: u64, salt: u64) -> u64 {
    let mut mixed = hash ^ salt.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// Whether a drawn number falls within a share: 0.0 never, 1.0 always.
pub(super) fn falls_within(drawn: u64, rate: f64) -> bool {
    const DISTINCT: f64 = (1u64 << 53) as f64;
    rate > 0.0 && ((drawn >> 11) as f64) / DISTINCT < rate
}

/// One of the items, chosen by a drawn number.
pub(super) fn pick<T: Copy>(items: &[T], drawn: u64) -> T {
    items[(drawn % items.len() as u64) as usize]
}

/// An account fault, ready to be asked a million times.
#[derive(Debug)]
pub(super) struct Picker {
    rate: f64,
    accounts: HashSet<String>,
    prefix: String,
    codes: Vec<i64>,
    salt: u64,
}

impl Picker {
    pub(super) fn new(name: &str, fault: &AccountFault, default_code: i64) -> Picker {
        let codes = if fault.codes.is_empty() { vec![default_code] } else { fault.codes.clone() };
        Picker {
            rate: fault.rate,
            accounts: fault.accounts.iter().cloned().collect(),
            prefix: fault.prefix.clone(),
            codes,
            salt: salt_of(name),
        }
    }

    /// The code with which the fault befalls an account, if it does.
    pub(super) fn code_for(&self, account: &str, hash: u64) -> Option<i64> {
        let drawn = mix(hash, self.salt);
        let befalls = falls_within(drawn, self.rate)
            || (!self.prefix.is_empty() && account.starts_with(&self.prefix))
            || (!self.accounts.is_empty() && self.accounts.contains(account));
        befalls.then(|| pick(&self.codes, mix(drawn, 1)))
    }
}

/// What befalls a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    Hang,
    Reset,
    HttpError(u16),
    Http429,
    Code(i64),
    Redirect,
    Garbage,
    Oversized,
    Truncated,
    InvalidUtf8,
    FailWithCodeZero,
}

#[derive(Debug)]
struct Drawer {
    fault: Fault,
    settings: CallFault,
    salt: u64,
    /// How many calls met it.
    given: u64,
}

/// The call faults that are switched on, and which calls met them.
#[derive(Debug)]
pub(super) struct CallFaults {
    drawers: Vec<Drawer>,
    http_statuses: Vec<u16>,
    /// By first account and fault, mixed: how often they met.
    met: HashMap<u64, u32>,
}

impl CallFaults {
    pub(super) fn new(faults: &Faults) -> CallFaults {
        let kinds = [
            Fault::Hang,
            Fault::Reset,
            Fault::HttpError(502),
            Fault::Http429,
            Fault::Code(60007),
            Fault::Redirect,
            Fault::Garbage,
            Fault::Oversized,
            Fault::Truncated,
            Fault::InvalidUtf8,
            Fault::FailWithCodeZero,
        ];
        let named = faults.call_faults().into_iter().zip(kinds);
        let named =
            named.map(|((name, settings), fault)| (name.to_owned(), settings.clone(), fault));
        let codes = faults.codes.iter().map(|fault| {
            (format!("code {}", fault.code), fault.call_fault(), Fault::Code(fault.code))
        });
        let drawers = named
            .chain(codes)
            .filter(|(_, settings, _)| settings.rate > 0.0)
            .map(|(name, settings, fault)| Drawer {
                fault,
                settings,
                salt: salt_of(&name),
                given: 0,
            })
            .collect();
        CallFaults { drawers, http_statuses: faults.http_statuses.clone(), met: HashMap::new() }
    }

    /// Decides what befalls a call that begins with this account, and remembers it.
    pub(super) fn draw(&mut self, first_account: u64) -> Option<Fault> {
        for drawer in &mut self.drawers {
            let key = mix(first_account, drawer.salt);
            let met = self.met.get(&key).copied().unwrap_or(0);
            let round = met / drawer.settings.times.max(1);
            let drawn = mix(key, u64::from(round));
            let limit_reached = drawer.settings.limit > 0 && drawer.given >= drawer.settings.limit;
            if limit_reached || !falls_within(drawn, drawer.settings.rate) {
                continue;
            }
            self.met.insert(key, met.saturating_add(1));
            drawer.given += 1;
            return Some(match drawer.fault {
                Fault::HttpError(_) if !self.http_statuses.is_empty() => {
                    Fault::HttpError(pick(&self.http_statuses, mix(drawn, 2)))
                }
                other => other,
            });
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn always(times: u32, limit: u64) -> CallFault {
        CallFault { rate: 1.0, times, limit }
    }

    #[test]
    fn shares_are_kept() {
        let hits = (0..100_000).filter(|&n| falls_within(mix(n, 7), 0.03)).count();
        assert!((2_800..3_200).contains(&hits), "{hits}");
        assert!((0..1_000).all(|n| falls_within(mix(n, 7), 1.0) && !falls_within(mix(n, 7), 0.0)));
    }

    #[test]
    fn accounts_are_picked_by_share_name_and_prefix() {
        let fault = AccountFault {
            rate: 0.0,
            accounts: vec!["named".to_owned()],
            prefix: "ghost-".to_owned(),
            codes: vec![40002, 40003],
        };
        let picker = Picker::new("poison", &fault, 40001);
        assert!(picker.code_for("named", 1).is_some_and(|code| [40002, 40003].contains(&code)));
        assert!(picker.code_for("ghost-1", 1).is_some());
        assert_eq!(picker.code_for("a ghost-1", 1), None);
        let everyone = AccountFault { rate: 1.0, ..AccountFault::default() };
        assert_eq!(Picker::new("x", &everyone, 40001).code_for("anyone", 5), Some(40001));
        assert_eq!(Picker::new("x", &AccountFault::default(), 1).code_for("", 0), None);
    }

    #[test]
    fn a_fault_of_rate_one_never_ends_unless_limited() {
        let mut faults = CallFaults::new(&Faults { reset: always(1, 3), ..Faults::default() });
        let drawn: Vec<_> = (0..5).map(|_| faults.draw(9)).collect();
        assert_eq!(drawn, [Some(Fault::Reset), Some(Fault::Reset), Some(Fault::Reset), None, None]);
        let mut faults = CallFaults::new(&Faults { garbage: always(1, 0), ..Faults::default() });
        assert!((0..100).all(|_| faults.draw(9) == Some(Fault::Garbage)));
    }

    #[test]
    fn a_fault_lasts_as_many_times_as_said() {
        let settings = CallFault { rate: 0.2, times: 3, limit: 0 };
        let mut faults = CallFaults::new(&Faults { truncated: settings, ..Faults::default() });
        let mut met_some = 0;
        for account in 0..1_000 {
            let run = (0..30).take_while(|_| faults.draw(account).is_some()).count();
            assert_eq!(run % 3, 0);
            met_some += usize::from(run > 0);
        }
        assert!((150..250).contains(&met_some), "{met_some}");
    }

    #[test]
    fn http_errors_take_turns_with_their_statuses() {
        let faults = Faults { http_error: always(1, 0), ..Faults::default() };
        let mut faults = CallFaults::new(&faults);
        let seen: HashSet<_> = (0..50)
            .filter_map(|account| match faults.draw(account) {
                Some(Fault::HttpError(status)) => Some(status),
                _ => None,
            })
            .collect();
        assert_eq!(seen, HashSet::from([500, 502, 503, 504]));
    }

    proptest! {
        /// Each call meets the same faults in the same order, however calls are interleaved.
        #[test]
        fn faults_do_not_depend_on_concurrency(order in Just((0..40u64).flat_map(|a| [a; 4]).collect::<Vec<_>>()).prop_shuffle()) {
            let settings = Faults {
                reset: CallFault { rate: 0.3, times: 1, limit: 0 },
                hang: CallFault { rate: 0.2, times: 2, limit: 0 },
                ..Faults::default()
            };
            let mut in_turn = CallFaults::new(&settings);
            let mut expected: HashMap<u64, Vec<Option<Fault>>> = HashMap::new();
            for account in 0..40 {
                expected.insert(account, (0..4).map(|_| in_turn.draw(account)).collect());
            }
            let mut shuffled = CallFaults::new(&settings);
            let mut seen: HashMap<u64, Vec<Option<Fault>>> = HashMap::new();
            for account in order {
                seen.entry(account).or_default().push(shuffled.draw(account));
            }
            prop_assert_eq!(seen, expected);
        }
    }
}
