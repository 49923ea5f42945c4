//! Selection of the accounts and calls that meet a fault: pure functions of the seed, so that the same account list
//! meets the same faults in every run, whatever the concurrency.
//!
//! An account's decision is a hash of seed, fault and account. A call's decision is a hash of seed, fault, the first
//! account of the call and the number of times that this account has met the fault: memory grows only with the calls
//! that met one.

use std::collections::{HashMap, HashSet};

use super::draw::{falls_within, mix, pick, salt};
use super::settings::{AccountFault, CallFault, Faults};

/// Selects the accounts that have a fault.
#[derive(Debug)]
pub struct AccountSelector {
    rate: f64,
    accounts: HashSet<String>,
    prefix: String,
    codes: Vec<i64>,
    salt: u64,
}

impl AccountSelector {
    pub fn new(name: &str, fault: &AccountFault, default_code: i64) -> AccountSelector {
        let codes = if fault.codes.is_empty() { vec![default_code] } else { fault.codes.clone() };
        AccountSelector {
            rate: fault.rate,
            accounts: fault.accounts.iter().cloned().collect(),
            prefix: fault.prefix.clone(),
            codes,
            salt: salt(name),
        }
    }

    /// The code with which the account fails, if it has the fault.
    pub fn code_for(&self, account: &str, hash: u64) -> Option<i64> {
        let drawn = mix(hash, self.salt);
        let is_selected = falls_within(drawn, self.rate)
            || (!self.prefix.is_empty() && account.starts_with(&self.prefix))
            || (!self.accounts.is_empty() && self.accounts.contains(account));
        is_selected.then(|| pick(&self.codes, mix(drawn, 1)))
    }
}

/// A fault of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InjectedFault {
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

impl InjectedFault {
    /// The fault's key in the settings.
    pub fn key(self) -> &'static str {
        match self {
            InjectedFault::Hang => "hang",
            InjectedFault::Reset => "reset",
            InjectedFault::HttpError(_) => "http_error",
            InjectedFault::Http429 => "http_429",
            InjectedFault::Code(_) => "code",
            InjectedFault::Redirect => "redirect",
            InjectedFault::Garbage => "garbage",
            InjectedFault::Oversized => "oversized",
            InjectedFault::Truncated => "truncated",
            InjectedFault::InvalidUtf8 => "invalid_utf8",
            InjectedFault::FailWithCodeZero => "fail_with_code_zero",
        }
    }
}

#[derive(Debug)]
struct FaultSource {
    fault: InjectedFault,
    settings: CallFault,
    salt: u64,
    affected_calls: u64,
}

/// The call faults that are enabled, and the calls that met them.
#[derive(Debug)]
pub struct CallFaults {
    sources: Vec<FaultSource>,
    http_statuses: Vec<u16>,
    /// How often each call met each fault, by the mixed hash of first account and fault.
    met: HashMap<u64, u32>,
}

impl CallFaults {
    pub fn new(faults: &Faults) -> CallFaults {
        let kinds = [
            InjectedFault::Hang,
            InjectedFault::Reset,
            InjectedFault::HttpError(502),
            InjectedFault::Http429,
            InjectedFault::Code(60007),
            InjectedFault::Redirect,
            InjectedFault::Garbage,
            InjectedFault::Oversized,
            InjectedFault::Truncated,
            InjectedFault::InvalidUtf8,
            InjectedFault::FailWithCodeZero,
        ];
        let named = faults.call_faults().into_iter().zip(kinds);
        let named =
            named.map(|((name, settings), fault)| (name.to_owned(), settings.clone(), fault));
        let codes = faults.codes.iter().map(|fault| {
            (format!("code {}", fault.code), fault.call_fault(), InjectedFault::Code(fault.code))
        });
        let sources = named
            .chain(codes)
            .filter(|(_, settings, _)| settings.rate > 0.0)
            .map(|(name, settings, fault)| FaultSource {
                fault,
                settings,
                salt: salt(&name),
                affected_calls: 0,
            })
            .collect();
        CallFaults { sources, http_statuses: faults.http_statuses.clone(), met: HashMap::new() }
    }

    /// Decides which fault a call with this first account meets, and counts it.
    pub fn draw(&mut self, first_account: u64) -> Option<InjectedFault> {
        for source in &mut self.sources {
            let key = mix(first_account, source.salt);
            let met = self.met.get(&key).copied().unwrap_or(0);
            let round = met / source.settings.times.max(1);
            let drawn = mix(key, u64::from(round));
            let limit_reached =
                source.settings.limit > 0 && source.affected_calls >= source.settings.limit;
            if limit_reached || !falls_within(drawn, source.settings.rate) {
                continue;
            }
            self.met.insert(key, met.saturating_add(1));
            source.affected_calls += 1;
            return Some(match source.fault {
                InjectedFault::HttpError(_) if !self.http_statuses.is_empty() => {
                    InjectedFault::HttpError(pick(&self.http_statuses, mix(drawn, 2)))
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
    fn accounts_are_selected_by_share_name_and_prefix() {
        let fault = AccountFault {
            rate: 0.0,
            accounts: vec!["named".to_owned()],
            prefix: "ghost-".to_owned(),
            codes: vec![40002, 40003],
        };
        let selector = AccountSelector::new("poison", &fault, 40001);
        assert!(selector.code_for("named", 1).is_some_and(|code| [40002, 40003].contains(&code)));
        assert!(selector.code_for("ghost-1", 1).is_some());
        assert_eq!(selector.code_for("a ghost-1", 1), None);
        let everyone = AccountFault { rate: 1.0, ..AccountFault::default() };
        assert_eq!(AccountSelector::new("x", &everyone, 40001).code_for("anyone", 5), Some(40001));
        assert_eq!(AccountSelector::new("x", &AccountFault::default(), 1).code_for("", 0), None);
    }

    #[test]
    fn limit_ends_a_fault_of_every_call() {
        let mut faults = CallFaults::new(&Faults { reset: always(1, 3), ..Faults::default() });
        let drawn: Vec<_> = (0..5).map(|_| faults.draw(9)).collect();
        assert_eq!(
            drawn,
            [
                Some(InjectedFault::Reset),
                Some(InjectedFault::Reset),
                Some(InjectedFault::Reset),
                None,
                None
            ]
        );
        let mut faults = CallFaults::new(&Faults { garbage: always(1, 0), ..Faults::default() });
        assert!((0..100).all(|_| faults.draw(9) == Some(InjectedFault::Garbage)));
    }

    #[test]
    fn fault_repeats_the_given_number_of_times() {
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
    fn http_errors_use_every_status() {
        let faults = Faults { http_error: always(1, 0), ..Faults::default() };
        let mut faults = CallFaults::new(&faults);
        let seen: HashSet<_> = (0..50)
            .filter_map(|account| match faults.draw(account) {
                Some(InjectedFault::HttpError(status)) => Some(status),
                _ => None,
            })
            .collect();
        assert_eq!(seen, HashSet::from([500, 502, 503, 504]));
    }

    proptest! {
        /// Each call meets the same faults in the same order, however calls are interleaved.
        #[test]
        fn faults_do_not_depend_on_call_order(order in Just((0..40u64).flat_map(|a| [a; 4]).collect::<Vec<_>>()).prop_shuffle()) {
            let settings = Faults {
                reset: CallFault { rate: 0.3, times: 1, limit: 0 },
                hang: CallFault { rate: 0.2, times: 2, limit: 0 },
                ..Faults::default()
            };
            let mut in_turn = CallFaults::new(&settings);
            let mut expected: HashMap<u64, Vec<Option<InjectedFault>>> = HashMap::new();
            for account in 0..40 {
                expected.insert(account, (0..4).map(|_| in_turn.draw(account)).collect());
            }
            let mut shuffled = CallFaults::new(&settings);
            let mut seen: HashMap<u64, Vec<Option<InjectedFault>>> = HashMap::new();
            for account in order {
                seen.entry(account).or_default().push(shuffled.draw(account));
            }
            prop_assert_eq!(seen, expected);
        }
    }
}
