//! Unusual responses: valid ones that a lenient reader accepts, and ones that contradict themselves about an account.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{InvalidSetting, ensure_is_a_share};

/// Unusual responses. Each key is a share, except counts and the clock. All but `drop`, the contradictions and the clock
/// leave the meaning of the response unchanged. An account meets at most one contradiction.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Quirks {
    /// Calls whose response lists the items in another order.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub reorder: f64,
    /// Accounts with two identical items.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub repeat: f64,
    /// Accounts without an item.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub drop: f64,
    /// How many responses omit the item; 0 is all of them.
    pub drop_requests: u32,
    /// Calls whose response contains an account that was not requested.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub extra: f64,
    /// Numbers that are sent as strings.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub numbers_as_strings: f64,
    /// Texts that are decimal numbers and are sent as JSON numbers.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub strings_as_numbers: f64,
    /// Accounts without any value, with `null` as `ProfileItem`.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub null_profile_item: f64,
    /// Accounts whose item has undocumented keys.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub unknown_keys: f64,
    /// Calls whose response has neither `ActionStatus` nor `ErrorInfo`.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub missing_status: f64,
    /// Calls whose codes are sent as strings.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub codes_as_strings: f64,
    /// Calls whose response has non-ASCII characters as `\uXXXX`, as one encoder in eight writes them.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub escape_non_ascii: f64,
    /// Calls whose response has `/` as `\/`. The same calls as for `escape_non_ascii`, as far as the shares allow.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub escape_slashes: f64,
    /// Calls whose response has the keys of every object in another order than the documented one.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub shuffle_keys: f64,
    /// Accounts whose nick ends with an unpaired surrogate, `\ud83d`; it reads as U+FFFD.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub lone_surrogates: f64,
    /// Accounts whose item has a profile but no `ResultCode`.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub missing_code: f64,
    /// Calls whose response starts with a UTF-8 byte order mark.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub byte_order_mark: f64,
    /// Contradiction: accounts that `Fail_Account` lists and that have no item.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub failed_without_item: f64,
    /// Contradiction: accounts whose item has a profile and code 0, and that `Fail_Account` lists.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub failed_with_profile: f64,
    /// Contradiction: accounts whose item has a profile and a `ResultCode` that is `null`, a string, `true` or `false`.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub unreadable_code: f64,
    /// Contradiction: accounts whose item has neither `ProfileItem` nor `ResultCode`.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub bare_item: f64,
    /// Contradiction: accounts whose item has code 40006 under `@TLS#NOT_FOUND`, `@TLS#ERROR` or the empty name;
    /// `open_questions.unknown_in_fail_account` says what `Fail_Account` contains for them.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub failed_marker: f64,
    /// How many responses contradict themselves about an account; 0 is all of them.
    pub contradiction_requests: u32,
    /// How many seconds the emulator's clock is ahead of this machine's (negative: behind), in the `Date` of responses
    /// and in the check of the UserSig.
    pub clock_ahead_seconds: i64,
}

impl Default for Quirks {
    fn default() -> Quirks {
        Quirks {
            reorder: 0.0,
            repeat: 0.0,
            drop: 0.0,
            drop_requests: 1,
            extra: 0.0,
            numbers_as_strings: 0.0,
            strings_as_numbers: 0.0,
            null_profile_item: 0.0,
            unknown_keys: 0.0,
            missing_status: 0.0,
            codes_as_strings: 0.0,
            escape_non_ascii: 0.125,
            escape_slashes: 0.0625,
            shuffle_keys: 0.0,
            lone_surrogates: 0.0,
            missing_code: 0.0,
            byte_order_mark: 0.0,
            failed_without_item: 0.0,
            failed_with_profile: 0.0,
            unreadable_code: 0.0,
            bare_item: 0.0,
            failed_marker: 0.0,
            contradiction_requests: 1,
            clock_ahead_seconds: 0,
        }
    }
}

impl Quirks {
    pub fn check(&self) -> Result<(), InvalidSetting> {
        for (key, rate) in [
            ("reorder", self.reorder),
            ("repeat", self.repeat),
            ("drop", self.drop),
            ("extra", self.extra),
            ("numbers_as_strings", self.numbers_as_strings),
            ("strings_as_numbers", self.strings_as_numbers),
            ("null_profile_item", self.null_profile_item),
            ("unknown_keys", self.unknown_keys),
            ("missing_status", self.missing_status),
            ("codes_as_strings", self.codes_as_strings),
            ("escape_non_ascii", self.escape_non_ascii),
            ("escape_slashes", self.escape_slashes),
            ("shuffle_keys", self.shuffle_keys),
            ("lone_surrogates", self.lone_surrogates),
            ("missing_code", self.missing_code),
            ("byte_order_mark", self.byte_order_mark),
            ("failed_without_item", self.failed_without_item),
            ("failed_with_profile", self.failed_with_profile),
            ("unreadable_code", self.unreadable_code),
            ("bare_item", self.bare_item),
            ("failed_marker", self.failed_marker),
        ] {
            ensure_is_a_share(&format!("oddities.{key}"), rate)?;
        }
        Ok(())
    }
}
