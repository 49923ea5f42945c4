//! Decodes the body of a response in one pass, without a tree.

mod tag_order;

use std::borrow::Cow;

use self::tag_order::TagOrder;
use super::{
    AFTER_TAG, BEFORE_TAG, Code, ConflictingValue, Item, MAX_ACCOUNTS_PER_CALL, ProfileItem,
    RequestedTags, Response, TagValue,
};
use crate::api::json_reader::{JsonReader, JsonValue, NotJson};

/// Decodes a response. Values of tags that were not requested are dropped.
pub fn decode<'b>(body: &'b str, tags: &RequestedTags) -> Result<Response<'b>, NotJson> {
    const BYTE_ORDER_MARK: char = '\u{feff}';
    let mut response = Response::default();
    let mut reader = JsonReader::new(body.strip_prefix(BYTE_ORDER_MARK).unwrap_or(body));
    reader.object(|reader, key| {
        match key {
            "UserProfileItem" => return read_items(reader, tags, &mut response),
            "Fail_Account" | "Invalid_Account" => {
                return read_failed_accounts(reader, &mut response);
            }
            "ActionStatus" => {
                response.status_is_fail |= !matches!(&*text(reader.value()?), "OK" | "");
            }
            "ErrorCode" => response.error_code = response.error_code.and(code(reader.value()?)),
            "ErrorInfo" => response.error_info = text(reader.value()?),
            _ => {
                response.failed_accounts_are_unreadable |= is_damaged(key);
                reader.value()?;
            }
        }
        Ok(())
    })?;
    if reader.at_end() { Ok(response) } else { Err(NotJson) }
}

fn read_items<'b>(
    reader: &mut JsonReader<'b>,
    tags: &RequestedTags,
    response: &mut Response<'b>,
) -> Result<(), NotJson> {
    if reader.peek() != Some(b'[') {
        response.items_are_unreadable |= !is_empty(reader.value()?);
        return Ok(());
    }
    response.items.reserve(MAX_ACCOUNTS_PER_CALL);
    response.values.reserve(MAX_ACCOUNTS_PER_CALL * tags.0.len());
    let mut order = TagOrder::of_request(tags);
    reader.array_or_skip(|reader| read_item(reader, &mut order, response))
}

fn read_failed_accounts<'b>(
    reader: &mut JsonReader<'b>,
    response: &mut Response<'b>,
) -> Result<(), NotJson> {
    if reader.peek() != Some(b'[') {
        response.failed_accounts_are_unreadable |= !is_empty(reader.value()?);
        return Ok(());
    }
    reader.array_or_skip(|reader| {
        match name(reader.value()?) {
            Some(name) if !is_damaged(&name) => response.failed_accounts.push(name),
            _ => response.failed_accounts_are_unreadable = true,
        }
        Ok(())
    })
}

fn read_item<'b>(
    reader: &mut JsonReader<'b>,
    order: &mut TagOrder<'_>,
    response: &mut Response<'b>,
) -> Result<(), NotJson> {
    if read_plain_item(reader, order, response)? {
        return Ok(());
    }
    if reader.peek() != Some(b'{') {
        response.dropped_items += 1;
        return reader.value().map(drop);
    }
    let (mut account, mut has_two_names) = (None, false);
    let (mut result_code, mut result_info) = (Code::Absent, Cow::default());
    let mut values = ItemValues::new(response);
    reader.object(|reader, key| {
        match key {
            "To_Account" => {
                let read = name(reader.value()?);
                has_two_names |= account.is_some() && account != read;
                account = read;
            }
            "ResultCode" => result_code = result_code.and(code(reader.value()?)),
            "ResultInfo" => result_info = text(reader.value()?),
            "ProfileItem" => return values.read(reader, order.tags),
            _ => {
                values.is_damaged |= is_damaged(key);
                reader.value()?;
            }
        }
        Ok(())
    })?;
    let ItemValues { profile, first_value, is_damaged, .. } = values;
    let values = first_value..response.values.len();
    match account {
        Some(account) if !has_two_names => {
            let item = Item { account, result_code, result_info, profile, values, is_damaged };
            response.items.push(item);
        }
        _ => {
            response.values.truncate(values.start);
            response.conflicting_values.retain(|value| value.item_index < response.items.len());
            response.dropped_items += 1;
        }
    }
    Ok(())
}

/// Reads an item of an account that was found, if it is like those of the service's encoder: without white space, unknown
/// keys and repeated keys or tags. Otherwise returns false and leaves the position unchanged. Straight through, with the
/// position in registers, it takes a third of the instructions of [`read_item`].
fn read_plain_item<'b>(
    reader: &mut JsonReader<'b>,
    order: &mut TagOrder<'_>,
    response: &mut Response<'b>,
) -> Result<bool, NotJson> {
    let first_value = response.values.len();
    let mut ahead = reader.clone();
    let (mut account, mut profile, mut code) = (None, ProfileItem::Absent, Code::Absent);
    let mut separator = "{";
    while ahead.take_exactly(separator) {
        if account.is_none() && ahead.take_exactly(r#""To_Account":"#) {
            let JsonValue::Text(text) = ahead.value()? else { break };
            account = Some(text);
        } else if profile == ProfileItem::Absent && ahead.take_exactly(r#""ProfileItem":["#) {
            profile = ProfileItem::Array;
            if !read_plain_values(&mut ahead, order, &mut response.values)? {
                break;
            }
        } else if ahead.take_exactly(r#""ResultCode":0"#) {
            code = Code::Number(0);
        } else if !ahead.take_exactly(r#""ResultInfo":"""#) {
            break;
        }
        separator = ",";
        if ahead.take_exactly("}")
            && let Some(account) = account
        {
            let values = first_value..response.values.len();
            response.items.push(Item {
                account: account.unescape(),
                result_code: code,
                result_info: Cow::default(),
                profile,
                values,
                is_damaged: false,
            });
            *reader = ahead;
            return Ok(true);
        }
    }
    response.values.truncate(first_value);
    Ok(false)
}

/// Reads the elements of a `ProfileItem` and its end, if they are as in [`read_plain_item`].
#[inline(always)]
fn read_plain_values<'b>(
    reader: &mut JsonReader<'b>,
    order: &mut TagOrder<'_>,
    values: &mut Vec<TagValue<'b>>,
) -> Result<bool, NotJson> {
    if reader.take_exactly("]") {
        return Ok(true);
    }
    let mut tags_read = 0_u64;
    order.start_item();
    loop {
        let (tag_index, value) = if reader.take_exactly(r#"{"Value":"#) {
            let value = reader.value()?;
            if !reader.take_exactly(r#","Tag":"#) {
                return Ok(false);
            }
            let Some(tag_index) = order.read_tag(reader)? else { return Ok(false) };
            (tag_index, value)
        } else if let Some(tag_index) = order.read_prefix(reader) {
            (tag_index, reader.value()?)
        } else if reader.take_exactly(BEFORE_TAG) {
            let Some(tag_index) = order.read_tag(reader)? else { return Ok(false) };
            if !reader.take_exactly(AFTER_TAG) {
                return Ok(false);
            }
            (tag_index, reader.value()?)
        } else {
            return Ok(false);
        };
        // Of more than 64 tags, some share a bit.
        let tag = 1 << (tag_index % 64);
        if tags_read & tag != 0 {
            return Ok(false);
        }
        tags_read |= tag;
        values.push(TagValue { tag_index, value });
        if !reader.take_exactly("},") {
            return Ok(reader.take_exactly("}]"));
        }
    }
}

/// Reads the values of one item.
struct ItemValues<'a, 'b> {
    response: &'a mut Response<'b>,
    profile: ProfileItem<'b>,
    first_value: usize,
    is_damaged: bool,
}

impl<'a, 'b> ItemValues<'a, 'b> {
    fn new(response: &'a mut Response<'b>) -> Self {
        let first_value = response.values.len();
        let profile = ProfileItem::Absent;
        ItemValues { response, profile, first_value, is_damaged: false }
    }

    fn read(&mut self, reader: &mut JsonReader<'b>, tags: &RequestedTags) -> Result<(), NotJson> {
        if reader.peek() != Some(b'[') {
            match reader.value()? {
                JsonValue::Null => {}
                value => self.profile = ProfileItem::Unreadable(value.as_written()),
            }
            return Ok(());
        }
        if self.profile == ProfileItem::Absent {
            self.profile = ProfileItem::Array;
        }
        reader.array_or_skip(|reader| self.read_value(reader, tags))
    }

    fn read_value(
        &mut self,
        reader: &mut JsonReader<'b>,
        tags: &RequestedTags,
    ) -> Result<(), NotJson> {
        if reader.peek() != Some(b'{') {
            return reader.value().map(drop);
        }
        let mut tag_index = None;
        let (mut value, mut earlier) = (JsonValue::Null, None);
        reader.object(|reader, key| {
            match key {
                "Tag" => {
                    let tag = text(reader.value()?);
                    tag_index = tags.position(&tag);
                    self.is_damaged |= is_damaged(&tag);
                }
                "Value" => {
                    earlier = Some(value).filter(|value| *value != JsonValue::Null);
                    value = reader.value()?;
                }
                _ => {
                    self.is_damaged |= is_damaged(key);
                    reader.value()?;
                }
            }
            Ok(())
        })?;
        if let Some(tag_index) = tag_index {
            for value in earlier.into_iter().chain([value]) {
                self.push(TagValue { tag_index, value });
            }
        }
        Ok(())
    }

    /// Takes the first value of a tag that is not null.
    fn push(&mut self, value: TagValue<'b>) {
        let taken = &mut self.response.values[self.first_value..];
        match taken.iter_mut().find(|taken| taken.tag_index == value.tag_index) {
            None => self.response.values.push(value),
            Some(taken) if taken.value == JsonValue::Null => *taken = value,
            Some(taken) if value.value == JsonValue::Null || taken.value.is_same(&value.value) => {}
            Some(_) => {
                let item_index = self.response.items.len();
                self.response.conflicting_values.push(ConflictingValue { item_index, value });
            }
        }
    }
}

/// Any value as text.
fn text(value: JsonValue<'_>) -> Cow<'_, str> {
    match value {
        JsonValue::Text(text) => text.unescape(),
        JsonValue::Number(written) | JsonValue::Other(written) => Cow::Borrowed(written),
        JsonValue::Null => Cow::default(),
    }
}

/// U+FFFD replaces bytes that are not UTF-8.
fn is_damaged(text: &str) -> bool {
    text.contains(char::REPLACEMENT_CHARACTER)
}

/// Whether a value in place of an array is empty: some encoders write an empty table as an object.
fn is_empty(value: JsonValue<'_>) -> bool {
    match value {
        JsonValue::Null => true,
        JsonValue::Text(text) => text.unescape().is_empty(),
        JsonValue::Other(written) => {
            written.starts_with('{') && written[1..].trim_start().starts_with('}')
        }
        JsonValue::Number(_) => false,
    }
}

/// The name of an account: a text, or a number instead.
fn name(value: JsonValue<'_>) -> Option<Cow<'_, str>> {
    match value {
        JsonValue::Text(text) => Some(text.unescape()),
        JsonValue::Number(written) => Some(Cow::Borrowed(written)),
        JsonValue::Null | JsonValue::Other(_) => None,
    }
}

/// A code given as a number or as a numeric string.
fn code(value: JsonValue<'_>) -> Code<'_> {
    if value == JsonValue::Number("0") {
        return Code::Number(0);
    }
    let written = text(value);
    let whole = || {
        // Some encoders write whole numbers as 40006.0 or 4.0006e4.
        let number: f64 = written.parse().ok()?;
        let is_whole_and_exact = number.fract() == 0.0 && number.abs() < 9e15;
        #[expect(clippy::cast_possible_truncation, reason = "checked to be whole and exact")]
        is_whole_and_exact.then_some(number as i64)
    };
    match written.parse().ok().or_else(whole) {
        Some(number) => Code::Number(number),
        None => Code::Unreadable(value.as_written()),
    }
}

impl<'b> Code<'b> {
    /// The code of a key that occurs twice.
    fn and(self, other: Code<'b>) -> Code<'b> {
        match (self, other) {
            (Code::Absent, other) => other,
            (one, other) if one == other => one,
            _ => Code::Unreadable("two different codes"),
        }
    }
}
