//! The answer of `v4/profile/portrait_get` as it comes over the wire.
//!
//! Answers are read tolerantly: keys in any order, unknown ones skipped, codes as numbers or as text, a byte order mark
//! passed over (RFC 8259 section 8.1). What is absent, null or misshapen is kept apart from what is there, since only
//! positive evidence makes a row. Source: the API page and `docs/im-rest-api.md` section 3.

mod decode;

use std::borrow::Cow;
use std::ops::Range;

pub use self::decode::decode;
use super::json_reader::JsonValue;
use super::request::push_json_string;

/// Path of the one command the exporter calls.
pub const PORTRAIT_GET_PATH: &str = "v4/profile/portrait_get";

/// Most accounts one call may ask for (API page: "pull no more than 100 users at a time").
pub const MAX_ACCOUNTS_PER_CALL: usize = 100;

/// The name under which the service returns an account it does not know.
pub const NOT_FOUND_MARKER: &str = "@TLS#NOT_FOUND";

/// The decoded body of one call.
#[derive(Debug, Default)]
pub struct Response<'b> {
    /// Whether `ActionStatus` is there and something else than `OK`.
    pub status_is_fail: bool,
    /// `ErrorCode`; 0 is success.
    pub error_code: Code<'b>,
    /// `ErrorInfo`.
    pub error_info: Cow<'b, str>,
    /// `UserProfileItem`, in the order of the answer.
    pub items: Vec<Item<'b>>,
    /// Whether `UserProfileItem` is there and neither an array nor null.
    pub items_are_unreadable: bool,
    /// Elements of `UserProfileItem` that name no account in a readable way, and were dropped.
    pub dropped_items: usize,
    /// The values of all items that belong to an asked tag; an item names its range.
    pub values: Vec<TagValue<'b>>,
    /// Values of a tag that already has another value in the same item.
    pub conflicting_values: Vec<ConflictingValue<'b>>,
    /// Names in `Fail_Account`, and in `Invalid_Account` of older versions of the API.
    pub failed_accounts: Vec<Cow<'b, str>>,
    /// Whether some of `Fail_Account` is not a list of names, or what may have been its key is damaged.
    pub failed_accounts_are_unreadable: bool,
}

/// A code of the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Code<'b> {
    /// There is none.
    #[default]
    Absent,
    /// A whole number, or text that is one.
    Number(i64),
    /// Anything else, as written; or two that contradict each other.
    Unreadable(&'b str),
}

/// What the answer says of one account.
#[derive(Debug)]
pub struct Item<'b> {
    /// `To_Account`; may be a marker, empty, or none of ours.
    pub account: Cow<'b, str>,
    /// `ResultCode`; 0 is success.
    pub result_code: Code<'b>,
    /// `ResultInfo`.
    pub result_info: Cow<'b, str>,
    /// `ProfileItem`.
    pub profile: ProfileItem<'b>,
    /// This item's part of [`Response::values`], each tag at most once.
    pub values: Range<usize>,
    /// Whether a key or tag in it holds U+FFFD, as of a body that is not UTF-8: it may have been one that decides.
    pub is_damaged: bool,
}

/// What stands in `ProfileItem`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ProfileItem<'b> {
    /// Nothing, or null.
    #[default]
    Absent,
    /// An array, as documented.
    Array,
    /// Anything else, as written.
    Unreadable(&'b str),
}

/// A value of a tag that already has another one in the same item.
#[derive(Debug, Clone, Copy)]
pub struct ConflictingValue<'b> {
    /// Position in [`Response::items`].
    pub item_index: usize,
    /// The value that was not taken.
    pub value: TagValue<'b>,
}

/// One value of one account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TagValue<'b> {
    /// Position of the tag among the tags asked for.
    pub tag_index: usize,
    /// The value as written.
    pub value: JsonValue<'b>,
}

/// The tags asked for, and how the service is known to write a value of each.
#[derive(Debug, Clone)]
pub struct RequestedTags(Vec<RequestedTag>);

#[derive(Debug, Clone)]
struct RequestedTag {
    tag: String,
    /// A value's object up to the value, as the service's encoder writes it.
    prefix: String,
}

impl RequestedTags {
    /// The tags of a request, in its order.
    pub fn new<'t>(tags: impl IntoIterator<Item = &'t str>) -> RequestedTags {
        let asked = |tag: &str| {
            let mut prefix = String::from(r#"{"Tag":"#);
            push_json_string(&mut prefix, tag);
            prefix.push_str(r#","Value":"#);
            RequestedTag { tag: tag.to_owned(), prefix }
        };
        RequestedTags(tags.into_iter().map(asked).collect())
    }

    /// The position of `tag`.
    fn position(&self, tag: &str) -> Option<usize> {
        self.0.iter().position(|asked| asked.tag == tag)
    }
}

#[cfg(test)]
mod tests;
