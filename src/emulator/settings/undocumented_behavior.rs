//! Behavior that the documentation of the service leaves open. The defaults are the emulator defaults of
//! `docs/im-rest-api.md`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::InvalidSetting;

/// Behavior that the documentation of the service leaves open.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct UndocumentedBehavior {
    /// Item of an account that the app does not know.
    pub unknown: UnknownAccount,
    /// Content of `Fail_Account` for an unknown account.
    pub unknown_in_fail_account: FailAccountContent,
    /// `ProfileItem` of an unknown account.
    pub unknown_profile_item: UnknownProfileItem,
    /// A tag that the account never set.
    pub unset_tag: UnsetTag,
    /// An account that set none of the tags.
    pub all_unset: AllUnset,
    /// What fails because of an unknown or unreadable tag (40009, 40007).
    pub tag_errors: TagErrors,
    /// A call with more than 100 accounts.
    pub too_many_accounts: TooManyAccounts,
    /// Whether an account that a call lists twice has one item.
    pub collapse_duplicates: bool,
    /// Whether numbers are sent as JSON strings.
    pub numbers_as_strings: bool,
    /// Encoding of the values of custom tags of kind `bytes`.
    pub bytes: BytesEncoding,
    /// Whether responses contain `RequestId`.
    pub request_id: bool,
    /// Whether responses contain `CurrentStandardSequence`.
    pub current_standard_sequence: bool,
    /// Whether responses contain `Fail_Account` and `Invalid_Account` even when empty, as before 2019.
    pub invalid_account: bool,
    /// `ErrorInfo` or `ResultInfo` in place of the built-in text, by code.
    pub error_info: BTreeMap<String, String>,
    /// Whether the rate is checked before the signature, so that refused calls count.
    pub rate_before_usersig: bool,
    /// Whether an expired UserSig with a wrong signature is reported as wrong (70009) rather than expired (70001).
    pub signature_before_expiry: bool,
    /// The code for a UserSig whose `TLS.sig` is not base64.
    pub sig_not_base64: i64,
    /// Whether a UserSig with room rights of a sibling product (`TLS.userbuf`) is refused (70009) although the signature
    /// covers them.
    pub refuse_userbuf: bool,
    /// What refuses a caller that is not an administrator.
    pub not_admin: NotAdmin,
    /// Whether `portrait_set` accepts `"20190419"` for a tag of numbers; otherwise 40610.
    pub set_numbers_as_strings: bool,
    /// Whether a deleted account can be imported again immediately, as on the trial plan; otherwise 70399.
    pub reimport_deleted: bool,
    /// How many seconds the time of a UserSig may be in the future before it is refused (70001). Default: unlimited.
    pub clock_skew_seconds: Option<u64>,
    /// Whether responses are compressed for a client that accepts gzip.
    pub gzip: bool,
}

impl Default for UndocumentedBehavior {
    fn default() -> UndocumentedBehavior {
        UndocumentedBehavior {
            unknown: UnknownAccount::Marker,
            unknown_in_fail_account: FailAccountContent::Account,
            unknown_profile_item: UnknownProfileItem::Absent,
            unset_tag: UnsetTag::Omitted,
            all_unset: AllUnset::EmptyList,
            tag_errors: TagErrors::Call,
            too_many_accounts: TooManyAccounts::Refuse,
            collapse_duplicates: false,
            numbers_as_strings: false,
            bytes: BytesEncoding::Text,
            request_id: false,
            current_standard_sequence: false,
            invalid_account: false,
            error_info: BTreeMap::new(),
            rate_before_usersig: false,
            signature_before_expiry: false,
            sig_not_base64: 70014,
            refuse_userbuf: false,
            not_admin: NotAdmin::Gateway,
            set_numbers_as_strings: false,
            reimport_deleted: false,
            clock_skew_seconds: None,
            gzip: false,
        }
    }
}

impl UndocumentedBehavior {
    pub fn check(&self) -> Result<(), InvalidSetting> {
        for code in self.error_info.keys() {
            if code.parse::<i64>().is_err() {
                let key = format!("open_questions.error_info.{code}");
                return Err(InvalidSetting::new(
                    key,
                    "is not an error code; write one such as 60007",
                ));
            }
        }
        if self.sig_not_base64 == 0 {
            return Err(InvalidSetting::success_code("open_questions.sig_not_base64"));
        }
        Ok(())
    }
}

/// Item of an account that the app does not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum UnknownAccount {
    /// One item per account, named `@TLS#NOT_FOUND`.
    Marker,
    /// One item per account, with its own name.
    Echo,
    /// One item per account, with an empty name.
    Empty,
    /// One `@TLS#NOT_FOUND` item for all unknown accounts.
    Collapsed,
    /// No item.
    Omitted,
    /// The whole call fails with 40003.
    Call,
}

/// Content of `Fail_Account` for an unknown account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FailAccountContent {
    /// The account.
    Account,
    /// `@TLS#NOT_FOUND`.
    Marker,
    /// Nothing.
    Nothing,
}

/// `ProfileItem` of an unknown account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum UnknownProfileItem {
    /// The key is absent.
    Absent,
    /// An empty list.
    EmptyList,
    /// `null`.
    Null,
}

/// A tag that the account never set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum UnsetTag {
    /// It is absent.
    Omitted,
    /// Its value is `""` or 0.
    Empty,
}

/// An account that set none of the tags.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AllUnset {
    /// Its `ProfileItem` is an empty list.
    EmptyList,
    /// Its item has no `ProfileItem`.
    Absent,
    /// Its `ProfileItem` is `null`.
    Null,
}

/// What fails because of an unknown or unreadable tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TagErrors {
    /// The whole call.
    Call,
    /// Each account, in its item.
    Account,
    /// Nothing; the tag is left out.
    Ignored,
}

/// What refuses a caller that is not an administrator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NotAdmin {
    /// The gateway, with 60010.
    Gateway,
    /// The service behind it, after the checks of rate and JSON: 40004 from profile commands, 70403 from account commands.
    Service,
}

/// A call with more than 100 accounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TooManyAccounts {
    /// It fails with 40001.
    Refuse,
    /// The response contains all of them.
    Accept,
    /// The response contains the first 100.
    Truncate,
}

/// Encoding of bytes in JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum BytesEncoding {
    /// As a plain string.
    Text,
    /// As standard base64.
    Base64,
}
