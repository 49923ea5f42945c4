//! What is unusual about answers that are right: a reader that minds the documents, not the samples, copes.

use serde::{Deserialize, Serialize};

use super::ensure_is_a_share;

/// What is unusual about answers that are otherwise right; each a share. All but `drop` leave the meaning of
/// the answer as it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Oddities {
    /// Calls whose items come in another order.
    pub reorder: f64,
    /// Accounts whose item comes twice.
    pub repeat: f64,
    /// Accounts whose item is left out.
    pub drop: f64,
    /// How many answers leave the item out; 0 is all.
    pub drop_asks: u32,
    /// Calls with an item of an account that was not asked for.
    pub extra: f64,
    /// Numbers that come as strings.
    pub numbers_as_strings: f64,
    /// Texts that are decimal numbers and come as JSON numbers.
    pub strings_as_numbers: f64,
    /// Accounts that set nothing and whose `ProfileItem` is `null`.
    pub null_profile_item: f64,
    /// Accounts whose item has keys that no document knows.
    pub unknown_keys: f64,
    /// Calls answered without `ActionStatus` and `ErrorInfo`.
    pub missing_status: f64,
    /// Calls whose codes come as strings.
    pub codes_as_strings: f64,
    /// Accounts whose nick ends in half a surrogate pair, `\ud83d`; its value is known as U+FFFD.
    pub lone_surrogates: f64,
}

impl Default for Oddities {
    fn default() -> Oddities {
        Oddities {
            reorder: 0.0,
            repeat: 0.0,
            drop: 0.0,
            drop_asks: 1,
            extra: 0.0,
            numbers_as_strings: 0.0,
            strings_as_numbers: 0.0,
            null_profile_item: 0.0,
            unknown_keys: 0.0,
            missing_status: 0.0,
            codes_as_strings: 0.0,
            lone_surrogates: 0.0,
        }
    }
}

impl Oddities {
    pub(super) fn check(&self) -> Result<(), (String, String)> {
        for (key, rate) in [
            ("oddities.reorder", self.reorder),
            ("oddities.repeat", self.repeat),
            ("oddities.drop", self.drop),
            ("oddities.extra", self.extra),
            ("oddities.numbers_as_strings", self.numbers_as_strings),
            ("oddities.strings_as_numbers", self.strings_as_numbers),
            ("oddities.null_profile_item", self.null_profile_item),
            ("oddities.unknown_keys", self.unknown_keys),
            ("oddities.missing_status", self.missing_status),
            ("oddities.codes_as_strings", self.codes_as_strings),
            ("oddities.lone_surrogates", self.lone_surrogates),
        ] {
            ensure_is_a_share(key, rate)?;
        }
        Ok(())
    }
}
