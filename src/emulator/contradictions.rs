//! Which accounts the answers contradict themselves about, and how: decided by seed and account alone.

use super::faults::{falls_within, mix, salt_of};
use super::settings::Quirks;

/// How an answer contradicts itself about an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Contradiction {
    /// Only `Fail_Account` names it.
    FailedWithoutItem,
    /// Its item is right, and `Fail_Account` names it.
    FailedWithProfile,
    /// Its item is right but for a `ResultCode` that is not a number.
    UnreadableCode,
    /// Its item has a name and nothing else of use.
    BareItem,
    /// Its failure, 40006, stands under a marker.
    FailedMarker,
}

#[derive(Debug)]
struct Share {
    contradiction: Contradiction,
    rate: f64,
    salt: u64,
}

/// The contradictions that are switched on.
#[derive(Debug)]
pub(super) struct Contradictions {
    shares: Vec<Share>,
    asks: u32,
}

impl Contradictions {
    pub(super) fn new(oddities: &Quirks) -> Contradictions {
        use Contradiction::{
            BareItem, FailedMarker, FailedWithProfile, FailedWithoutItem, UnreadableCode,
        };
        let shares = [
            (FailedWithoutItem, "failed_without_item", oddities.failed_without_item),
            (FailedWithProfile, "failed_with_profile", oddities.failed_with_profile),
            (UnreadableCode, "unreadable_code", oddities.unreadable_code),
            (BareItem, "bare_item", oddities.bare_item),
            (FailedMarker, "failed_marker", oddities.failed_marker),
        ];
        let shares = shares
            .into_iter()
            .filter(|(_, _, rate)| *rate > 0.0)
            .map(|(contradiction, name, rate)| Share { contradiction, rate, salt: salt_of(name) })
            .collect();
        Contradictions { shares, asks: oddities.contradiction_asks }
    }

    /// What befalls an account with this hash, until it has befallen it often enough.
    pub(super) fn of(&self, hash: u64) -> Option<Contradiction> {
        let share =
            self.shares.iter().find(|share| falls_within(mix(hash, share.salt), share.rate))?;
        Some(share.contradiction)
    }

    /// How many answers contradict themselves about an account; `None` is all.
    pub(super) fn asks(&self) -> Option<u32> {
        (self.asks > 0).then_some(self.asks)
    }

    /// Whether no answer about such an account makes sense.
    pub(super) fn last_for_ever(&self) -> bool {
        self.asks().is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_meets_one_contradiction_or_none() {
        let none = Contradictions::new(&Quirks::default());
        assert!((0..1_000).all(|hash| none.of(hash).is_none()));
        let half = Quirks { bare_item: 0.5, failed_marker: 0.5, ..Quirks::default() };
        let half = Contradictions::new(&half);
        let met = |expected| (0..10_000).filter(|&hash| half.of(hash) == expected).count();
        let counts = [None, Some(Contradiction::BareItem), Some(Contradiction::FailedMarker)];
        let counts = counts.map(met);
        assert!((4_700..5_300).contains(&counts[1]), "{counts:?}");
        assert!((2_200..2_800).contains(&counts[2]), "{counts:?}");
        assert_eq!(counts.iter().sum::<usize>(), 10_000);
    }
}
