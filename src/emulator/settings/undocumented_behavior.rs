//! What the documents of the service leave open, each as a switch. Defaults are those of
//! `docs/im-rest-api.md` sections 3 and 10.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::NO_FAILURE;

/// How the emulator answers what the documents leave open.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct UndocumentedBehavior {
    /// How an account that the app does not know comes back.
    pub unknown: Unknown,
    /// What `Fail_Account` holds for an unknown account.
    pub unknown_in_fail_account: FailAccount,
    /// What `ProfileItem` of an unknown account is.
    pub unknown_profile_item: UnknownProfile,
    /// How a tag comes back that the account never set.
    pub unset_tag: UnsetTag,
    /// How an account comes back that set none of the tags.
    pub all_unset: AllUnset,
    /// Whom an unknown or unreadable tag fails (40009, 40007).
    pub tag_errors: TagErrors,
    /// What happens to more than 100 accounts in a call.
    pub too_many_accounts: TooManyAccounts,
    /// Whether an account that is asked for twice in a call comes back once.
    pub collapse_duplicates: bool,
    /// Whether numbers come as JSON strings.
    pub numbers_as_strings: bool,
    /// How the values of custom tags of kind `bytes` are written.
    pub bytes: BytesEncoding,
    /// Whether answers carry `RequestId`.
    pub request_id: bool,
    /// Whether answers carry `CurrentStandardSequence`.
    pub current_standard_sequence: bool,
    /// Whether answers carry `Fail_Account` and `Invalid_Account` even when empty, as before 2019.
    pub invalid_account: bool,
    /// `ErrorInfo` or `ResultInfo` to give instead of the built-in text, by code.
    pub error_info: BTreeMap<String, String>,
    /// Whether the rate is checked before the signature, so that refused calls count too.
    pub rate_before_usersig: bool,
    /// Whether an expired UserSig with a wrong signature is called wrong (70009) rather than expired (70001).
    pub signature_before_expiry: bool,
    /// The code for a UserSig whose `TLS.sig` is not base64.
    pub sig_not_base64: i64,
    /// Whether a UserSig with room rights of a sibling product (`TLS.userbuf`) is refused (70009) although its signature
    /// covers them.
    pub refuse_userbuf: bool,
    /// Who refuses a caller that is not an administrator.
    pub not_admin: NotAdmin,
    /// Whether `portrait_set` takes `"20190419"` for a tag that holds a number; otherwise 40610.
    pub set_numbers_as_strings: bool,
    /// Whether a deleted account may be imported again at once, as on the trial plan; otherwise 70399.
    pub reimport_deleted: bool,
    /// How far the UserSig's time may lie ahead before it is refused (70001), in seconds. Default: any.
    pub clock_skew_seconds: Option<u64>,
    /// Whether answers are compressed for a client that accepts gzip.
    pub gzip: bool,
    /// Whether everything beyond ASCII is written as `\uXXXX`.
    pub escape_non_ascii: bool,
}

impl Default for UndocumentedBehavior {
    fn default() -> UndocumentedBehavior {
        UndocumentedBehavior {
            unknown: Unknown::Marker,
            unknown_in_fail_account: FailAccount::Account,
            unknown_profile_item: UnknownProfile::Absent,
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
            escape_non_ascii: false,
        }
    }
}

impl UndocumentedBehavior {
    pub(super) fn check(&self) -> Result<(), (String, String)> {
        for code in self.error_info.keys() {
            if code.parse::<i64>().is_err() {
                let key = format!("open_questions.error_info.{code}");
                return Err((key, "is no error code; write one such as 60007".to_owned()));
            }
        }
        if self.sig_not_base64 == 0 {
            return Err(("open_questions.sig_not_base64".to_owned(), NO_FAILURE.to_owned()));
        }
        Ok(())
    }
}

/// How an account that the app does not know comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Unknown {
    /// Under `@TLS#NOT_FOUND`, one item for each.
    Marker,
    /// Under its own name.
    Echo,
    /// Under the empty name.
    Empty,
    /// All under one `@TLS#NOT_FOUND`.
    Collapsed,
    /// Not at all.
    Omitted,
    /// The whole call fails with 40003.
    Call,
}

/// What `Fail_Account` holds for an unknown account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FailAccount {
    /// The account.
    Account,
    /// `@TLS#NOT_FOUND`.
    Marker,
    /// Nothing.
    Nothing,
}

/// What `ProfileItem` of an unknown account is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum UnknownProfile {
    /// The key is left out.
    Absent,
    /// An empty list.
    EmptyList,
    /// `null`.
    Null,
}

/// How a tag comes back that the account never set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum UnsetTag {
    /// Left out.
    Omitted,
    /// As `""` or 0.
    Empty,
}

/// How an account comes back that set none of the tags.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AllUnset {
    /// With an empty `ProfileItem`.
    EmptyList,
    /// Without the key `ProfileItem`.
    Absent,
    /// With `ProfileItem` `null`.
    Null,
}

/// Whom an unknown or unreadable tag fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TagErrors {
    /// The whole call.
    Call,
    /// Each account, on its item.
    Account,
    /// Nobody: the tag is left out.
    Ignored,
}

/// Who refuses a caller that is not an administrator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NotAdmin {
    /// The gateway, with 60010.
    Gateway,
    /// The service behind it, once rate and JSON are right: 40004 from profile commands, 70403 from account commands.
    Service,
}

/// What happens to more than 100 accounts in a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TooManyAccounts {
    /// 40001.
    Refuse,
    /// All are answered.
    Accept,
    /// The first 100 are answered.
    Truncate,
}

/// How bytes are written in JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum BytesEncoding {
    /// As a plain string.
    Text,
    /// As standard base64.
    Base64,
}
