//! The response of `v4/profile/portrait_get`.
//!
//! Decoding is tolerant: keys in any order, unknown keys skipped, codes as numbers or as text, a byte order mark ignored (RFC
//! 8259 section 8.1). Values that are absent, null or malformed stay distinguishable, since only positive evidence makes a
//! row. Source: the API page and `docs/im-rest-api.md` section 3.

mod decode;

use std::borrow::Cow;
use std::ops::Range;

pub use self::decode::decode;
use super::json_reader::JsonValue;
use super::request::push_json_string;

/// Path of the only command that the exporter calls.
pub const PORTRAIT_GET_PATH: &str = "v4/profile/portrait_get";

/// Most accounts per call (API page: "pull no more than 100 users at a time").
pub const MAX_ACCOUNTS_PER_CALL: usize = 100;

/// The name under which the service returns an unknown account.
pub const NOT_FOUND_MARKER: &str = "@TLS#NOT_FOUND";

/// The decoded body of one call.
#[derive(Debug, Default)]
pub struct Response<'b> {
    /// Whether `ActionStatus` is present and not `OK`.
    pub status_is_fail: bool,
    /// `ErrorCode`; 0 is success.
    pub error_code: Code<'b>,
    /// `ErrorInfo`.
    pub error_info: Cow<'b, str>,
    /// `UserProfileItem`, in the order of the response.
    pub items: Vec<Item<'b>>,
    /// Whether `UserProfileItem` is present and neither an array nor null.
    pub items_are_unreadable: bool,
    /// Number of dropped elements of `UserProfileItem`, which have no readable account.
    pub dropped_items: usize,
    /// The values of requested tags of all items; each item has its range.
    pub values: Vec<TagValue<'b>>,
    pub conflicting_values: Vec<ConflictingValue<'b>>,
    /// Names in `Fail_Account`, and in `Invalid_Account` of older versions of the API.
    pub failed_accounts: Vec<Cow<'b, str>>,
    /// Whether part of `Fail_Account` is not a name, or a damaged key may have been this one.
    pub failed_accounts_are_unreadable: bool,
}

/// A code of the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Code<'b> {
    #[default]
    Absent,
    /// A whole number, or text that is one.
    Number(i64),
    /// Anything else, as written, or two different codes.
    Unreadable(&'b str),
}

/// An element of `UserProfileItem`.
#[derive(Debug)]
pub struct Item<'b> {
    /// `To_Account`; may be a marker, empty, or not in the request.
    pub account: Cow<'b, str>,
    /// `ResultCode`; 0 is success.
    pub result_code: Code<'b>,
    /// `ResultInfo`.
    pub result_info: Cow<'b, str>,
    /// `ProfileItem`.
    pub profile: ProfileItem<'b>,
    /// Range in [`Response::values`]; each tag at most once.
    pub values: Range<usize>,
    /// Whether a key or tag contains U+FFFD, from a body that is not UTF-8: it may have been one that decides.
    pub is_damaged: bool,
}

/// The kind of value of `ProfileItem`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ProfileItem<'b> {
    /// Absent or null.
    #[default]
    Absent,
    /// An array, as documented.
    Array,
    /// Anything else, as written.
    Unreadable(&'b str),
}

/// A value of a tag that already has a different one in the same item.
#[derive(Debug, Clone, Copy)]
pub struct ConflictingValue<'b> {
    /// Position in [`Response::items`].
    pub item_index: usize,
    pub value: TagValue<'b>,
}

/// One value of one account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TagValue<'b> {
    /// Position among the requested tags.
    pub tag_index: usize,
    pub value: JsonValue<'b>,
}

/// The requested tags.
#[derive(Debug, Clone)]
pub struct RequestedTags(Vec<RequestedTag>);

#[derive(Debug, Clone)]
struct RequestedTag {
    tag: String,
    /// The JSON before a value, as the service's encoder writes it.
    prefix: String,
}

/// The JSON around a tag, in [`RequestedTag::prefix`].
const BEFORE_TAG: &str = r#"{"Tag":"#;
const AFTER_TAG: &str = r#","Value":"#;

impl RequestedTag {
    fn new(tag: &str) -> RequestedTag {
        let mut prefix = String::from(BEFORE_TAG);
        push_json_string(&mut prefix, tag);
        prefix.push_str(AFTER_TAG);
        RequestedTag { tag: tag.to_owned(), prefix }
    }

    /// The tag as a JSON string.
    fn quoted(&self) -> &str {
        &self.prefix[BEFORE_TAG.len()..self.prefix.len() - AFTER_TAG.len()]
    }
}

impl RequestedTags {
    /// The tags in the order of the request.
    pub fn new<'t>(tags: impl IntoIterator<Item = &'t str>) -> RequestedTags {
        RequestedTags(tags.into_iter().map(RequestedTag::new).collect())
    }

    fn position(&self, tag: &str) -> Option<usize> {
        self.0.iter().position(|requested| requested.tag == tag)
    }
}

#[cfg(test)]
mod tests;
