//! Accounts about which responses contradict themselves: a function of seed and account.

use super::draw::{falls_within, mix, salt};
use super::settings::Quirks;

/// How a response contradicts itself about an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Contradiction {
    /// `Fail_Account` lists it, and it has no item.
    FailedWithoutItem,
    /// Its item is valid, and `Fail_Account` lists it.
    FailedWithProfile,
    /// Its item is valid except for a `ResultCode` that is not a number.
    UnreadableCode,
    /// Its item has neither a profile nor a code.
    BareItem,
    /// Its item has code 40006 and a marker in place of the account.
    FailedMarker,
}

#[derive(Debug)]
struct ContradictionRate {
    contradiction: Contradiction,
    rate: f64,
    salt: u64,
}

/// The contradictions that are enabled.
#[derive(Debug)]
pub struct Contradictions {
    rates: Vec<ContradictionRate>,
    /// Contradictory responses per account; 0 is unlimited.
    response_limit: u32,
}

impl Contradictions {
    pub fn new(quirks: &Quirks) -> Contradictions {
        use Contradiction::{
            BareItem, FailedMarker, FailedWithProfile, FailedWithoutItem, UnreadableCode,
        };
        let rates = [
            (FailedWithoutItem, "failed_without_item", quirks.failed_without_item),
            (FailedWithProfile, "failed_with_profile", quirks.failed_with_profile),
            (UnreadableCode, "unreadable_code", quirks.unreadable_code),
            (BareItem, "bare_item", quirks.bare_item),
            (FailedMarker, "failed_marker", quirks.failed_marker),
        ];
        let rates = rates
            .into_iter()
            .filter(|(_, _, rate)| *rate > 0.0)
            .map(|(contradiction, name, rate)| ContradictionRate {
                contradiction,
                rate,
                salt: salt(name),
            })
            .collect();
        Contradictions { rates, response_limit: quirks.contradiction_requests }
    }

    pub fn contradiction_for(&self, hash: u64) -> Option<Contradiction> {
        let is_selected = |rate: &&ContradictionRate| falls_within(mix(hash, rate.salt), rate.rate);
        self.rates.iter().find(is_selected).map(|rate| rate.contradiction)
    }

    /// How many responses contradict themselves about an account; `None` is all of them.
    pub fn response_limit(&self) -> Option<u32> {
        (self.response_limit > 0).then_some(self.response_limit)
    }

    /// Whether every response about such an account contradicts itself.
    pub fn are_permanent(&self) -> bool {
        self.response_limit().is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn account_has_at_most_one_contradiction() {
        let none = Contradictions::new(&Quirks::default());
        assert!((0..1_000).all(|hash| none.contradiction_for(hash).is_none()));
        let half = Quirks { bare_item: 0.5, failed_marker: 0.5, ..Quirks::default() };
        let half = Contradictions::new(&half);
        let met =
            |expected| (0..10_000).filter(|&hash| half.contradiction_for(hash) == expected).count();
        let counts = [None, Some(Contradiction::BareItem), Some(Contradiction::FailedMarker)];
        let counts = counts.map(met);
        assert!((4_700..5_300).contains(&counts[1]), "{counts:?}");
        assert!((2_200..2_800).contains(&counts[2]), "{counts:?}");
        assert_eq!(counts.iter().sum::<usize>(), 10_000);
    }
}
