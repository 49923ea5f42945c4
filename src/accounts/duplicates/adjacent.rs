//! Repeats of the valid account right before them.

use crate::accounts::account_rules::AccountName;

/// Remembers one account.
#[derive(Default)]
pub struct AdjacentRepeats {
    last: AccountName,
    repeats: u64,
}

impl AdjacentRepeats {
    /// Whether `account` equals the one before; remembers it.
    #[inline]
    pub fn is_repeat(&mut self, account: &str) -> bool {
        // No account is empty, so that the first one repeats nothing.
        let is_repeat = *self.last == *account;
        if is_repeat {
            self.repeats += 1;
        } else {
            // An account always fits.
            self.last = AccountName::from(account).unwrap_or_default();
        }
        is_repeat
    }

    pub fn count(&self) -> u64 {
        self.repeats
    }
}
