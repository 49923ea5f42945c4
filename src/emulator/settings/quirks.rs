//! What is unusual about answers: right ones that a reader of the documents copes with, and ones that contradict
//! themselves about an account.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ensure_is_a_share;

/// What is unusual about answers; each a share, but for counts and the clock. All but `drop`, the contradictions and
/// the clock leave the meaning of the answer as it is. An account meets at most one contradiction.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Quirks {
    /// Calls whose items come in another order.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub reorder: f64,
    /// Accounts whose item comes twice.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub repeat: f64,
    /// Accounts whose item is left out.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub drop: f64,
    /// How many answers leave the item out; 0 is all.
    pub drop_asks: u32,
    /// Calls with an item of an account that was not asked for.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub extra: f64,
    /// Numbers that come as strings.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub numbers_as_strings: f64,
    /// Texts that are decimal numbers and come as JSON numbers.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub strings_as_numbers: f64,
    /// Accounts that set nothing and whose `ProfileItem` is `null`.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub null_profile_item: f64,
    /// Accounts whose item has keys that no document knows.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub unknown_keys: f64,
    /// Calls answered without `ActionStatus` and `ErrorInfo`.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub missing_status: f64,
    /// Calls whose codes come as strings.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub codes_as_strings: f64,
    /// Accounts whose nick ends in half a surrogate pair, `\ud83d`; its value is known as U+FFFD.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub lone_surrogates: f64,
    /// Accounts whose item carries no `ResultCode` when it carries a profile.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub missing_code: f64,
    /// Calls whose body begins with a UTF-8 byte order mark.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub byte_order_mark: f64,
    /// Contradiction: accounts that only `Fail_Account` names, without an item.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub failed_without_item: f64,
    /// Contradiction: accounts whose item has a profile and code 0, and that `Fail_Account` names.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub failed_with_profile: f64,
    /// Contradiction: accounts whose item has a profile and a `ResultCode` that is `null`, a word, `true` or `false`.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub unreadable_code: f64,
    /// Contradiction: accounts whose item has neither `ProfileItem` nor `ResultCode`.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub bare_item: f64,
    /// Contradiction: accounts whose item has code 40006 under `@TLS#NOT_FOUND`, `@TLS#ERROR` or the empty name;
    /// `open_questions.unknown_in_fail_account` says what `Fail_Account` holds for them.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub failed_marker: f64,
    /// How many answers contradict themselves about an account; 0 is all.
    pub contradiction_asks: u32,
    /// How far the emulator's clock is ahead of this machine's, below 0 behind it: in the `Date` of answers, and where
    /// a UserSig is checked.
    pub clock_ahead_seconds: i64,
}

impl Default for Quirks {
    fn default() -> Quirks {
        Quirks {
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
            missing_code: 0.0,
            byte_order_mark: 0.0,
            failed_without_item: 0.0,
            failed_with_profile: 0.0,
            unreadable_code: 0.0,
            bare_item: 0.0,
            failed_marker: 0.0,
            contradiction_asks: 1,
            clock_ahead_seconds: 0,
        }
    }
}

impl Quirks {
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
            ("oddities.missing_code", self.missing_code),
            ("oddities.byte_order_mark", self.byte_order_mark),
            ("oddities.failed_without_item", self.failed_without_item),
            ("oddities.failed_with_profile", self.failed_with_profile),
            ("oddities.unreadable_code", self.unreadable_code),
            ("oddities.bare_item", self.bare_item),
            ("oddities.failed_marker", self.failed_marker),
        ] {
            ensure_is_a_share(key, rate)?;
        }
        Ok(())
    }
}
