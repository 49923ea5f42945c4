//! The answer of `v4/profile/portrait_get` as it comes over the wire.
//!
//! Answers are read tolerantly: keys in any order, unknown ones skipped, codes as numbers or as text, a byte order mark
//! passed over (RFC 8259 section 8.1). What is absent, null or misshapen is kept apart from what is there, since only
//! positive evidence makes a row. Source: the API page and `reference/im-rest-api.md` section 3.

use std::borrow::Cow;
use std::ops::Range;

use super::json::{JsonReader, JsonValue, NotJson};
use super::request::push_json_string;

/// Path of the one command the exporter calls.
pub const PORTRAIT_GET_PATH: &str = "v4/profile/portrait_get";

/// Most accounts one call may ask for (API page: "pull no more than 100 users at a time").
pub const MAX_ACCOUNTS_PER_CALL: usize = 100;

/// The name under which the service returns an account it does not know.
pub const NOT_FOUND_MARKER: &str = "@TLS#NOT_FOUND";

/// The decoded body of one call.
#[derive(Debug, Default)]
pub struct Answer<'b> {
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
    /// Whether some of `Fail_Account` is not a list of names.
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
    /// This item's part of [`Answer::values`], each tag at most once.
    pub values: Range<usize>,
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
    /// Position in [`Answer::items`].
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
pub struct AskedTags(Vec<AskedTag>);

#[derive(Debug, Clone)]
struct AskedTag {
    tag: String,
    /// A value's object up to the value, as the service's encoder writes it.
    lead: String,
}

impl AskedTags {
    /// The tags of a request, in its order.
    pub fn new<'t>(tags: impl IntoIterator<Item = &'t str>) -> AskedTags {
        let asked = |tag: &str| {
            let mut lead = String::from(r#"{"Tag":"#);
            push_json_string(&mut lead, tag);
            lead.push_str(r#","Value":"#);
            AskedTag { tag: tag.to_owned(), lead }
        };
        AskedTags(tags.into_iter().map(asked).collect())
    }

    /// The position of `tag`.
    fn position(&self, tag: &str) -> Option<usize> {
        self.0.iter().position(|asked| asked.tag == tag)
    }
}

/// Reads an answer. Values of tags that were not asked for are dropped.
pub fn decode<'b>(body: &'b str, tags: &AskedTags) -> Result<Answer<'b>, NotJson> {
    const BYTE_ORDER_MARK: char = '\u{feff}';
    let mut answer = Answer::default();
    let mut reader = JsonReader::new(body.strip_prefix(BYTE_ORDER_MARK).unwrap_or(body));
    reader.object(|reader, key| {
        match key {
            "UserProfileItem" => return read_items(reader, tags, &mut answer),
            "Fail_Account" | "Invalid_Account" => {
                return read_failed_accounts(reader, &mut answer);
            }
            "ActionStatus" => {
                answer.status_is_fail = !matches!(&*text(reader.value()?), "OK" | "");
            }
            "ErrorCode" => answer.error_code = answer.error_code.and(code(reader.value()?)),
            "ErrorInfo" => answer.error_info = text(reader.value()?),
            _ => drop(reader.value()?),
        }
        Ok(())
    })?;
    if reader.at_end() { Ok(answer) } else { Err(NotJson) }
}

fn read_items<'b>(
    reader: &mut JsonReader<'b>,
    tags: &AskedTags,
    answer: &mut Answer<'b>,
) -> Result<(), NotJson> {
    if reader.peek() != Some(b'[') {
        answer.items_are_unreadable |= reader.value()? != JsonValue::Null;
        return Ok(());
    }
    answer.items.reserve(MAX_ACCOUNTS_PER_CALL);
    answer.values.reserve(MAX_ACCOUNTS_PER_CALL * tags.0.len());
    reader.array_or_skip(|reader| read_item(reader, tags, answer))
}

fn read_failed_accounts<'b>(
    reader: &mut JsonReader<'b>,
    answer: &mut Answer<'b>,
) -> Result<(), NotJson> {
    if reader.peek() != Some(b'[') {
        answer.failed_accounts_are_unreadable |= reader.value()? != JsonValue::Null;
        return Ok(());
    }
    reader.array_or_skip(|reader| {
        match name(reader.value()?) {
            Some(name) => answer.failed_accounts.push(name),
            None => answer.failed_accounts_are_unreadable = true,
        }
        Ok(())
    })
}

fn read_item<'b>(
    reader: &mut JsonReader<'b>,
    tags: &AskedTags,
    answer: &mut Answer<'b>,
) -> Result<(), NotJson> {
    if read_expected_item(reader, tags, answer)? {
        return Ok(());
    }
    if reader.peek() != Some(b'{') {
        answer.dropped_items += 1;
        return reader.value().map(drop);
    }
    let (mut account, mut has_two_names) = (None, false);
    let (mut result_code, mut result_info) = (Code::Absent, Cow::default());
    let mut values = ItemValues::new(answer);
    reader.object(|reader, key| {
        match key {
            "To_Account" => {
                let read = name(reader.value()?);
                has_two_names |= account.is_some() && account != read;
                account = read;
            }
            "ResultCode" => result_code = result_code.and(code(reader.value()?)),
            "ResultInfo" => result_info = text(reader.value()?),
            "ProfileItem" => return values.read(reader, tags),
            _ => drop(reader.value()?),
        }
        Ok(())
    })?;
    let (profile, values) = values.finish();
    match account {
        Some(account) if !has_two_names => {
            answer.items.push(Item { account, result_code, result_info, profile, values });
        }
        _ => {
            answer.values.truncate(values.start);
            answer.conflicting_values.retain(|value| value.item_index < answer.items.len());
            answer.dropped_items += 1;
        }
    }
    Ok(())
}

/// Reads an item of an account that was found, if it is written as the service's own encoder does. Else it leaves the
/// reader where it was and says so.
fn read_expected_item<'b>(
    reader: &mut JsonReader<'b>,
    tags: &AskedTags,
    answer: &mut Answer<'b>,
) -> Result<bool, NotJson> {
    let start = reader.position();
    let first_value = answer.values.len();
    if reader.take_exactly(r#"{"To_Account":"#)
        && let JsonValue::Text(account) = reader.value()?
        && reader.take_exactly(r#","ProfileItem":["#)
    {
        let mut expected_tag = 0;
        while let Some(value) = read_expected_value(reader, tags, expected_tag)? {
            expected_tag = value.tag_index + 1;
            answer.values.push(value);
            if !reader.take_exactly(",") {
                break;
            }
        }
        if reader.take_exactly(r#"],"ResultCode":0,"ResultInfo":""}"#) {
            answer.items.push(Item {
                account: account.unescape(),
                result_code: Code::Number(0),
                result_info: Cow::default(),
                profile: ProfileItem::Array,
                values: first_value..answer.values.len(),
            });
            return Ok(true);
        }
    }
    answer.values.truncate(first_value);
    reader.go_back(start);
    Ok(false)
}

/// The values of the item that is being read.
struct ItemValues<'a, 'b> {
    answer: &'a mut Answer<'b>,
    profile: ProfileItem<'b>,
    first_value: usize,
    /// The tag that comes next where the answer keeps the order of the request.
    expected_tag: usize,
}

impl<'a, 'b> ItemValues<'a, 'b> {
    fn new(answer: &'a mut Answer<'b>) -> Self {
        let first_value = answer.values.len();
        ItemValues { answer, profile: ProfileItem::Absent, first_value, expected_tag: 0 }
    }

    fn finish(self) -> (ProfileItem<'b>, Range<usize>) {
        (self.profile, self.first_value..self.answer.values.len())
    }

    fn read(&mut self, reader: &mut JsonReader<'b>, tags: &AskedTags) -> Result<(), NotJson> {
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

    fn read_value(&mut self, reader: &mut JsonReader<'b>, tags: &AskedTags) -> Result<(), NotJson> {
        if let Some(value) = read_expected_value(reader, tags, self.expected_tag)? {
            self.push(value);
            return Ok(());
        }
        if reader.peek() != Some(b'{') {
            return reader.value().map(drop);
        }
        let mut tag_index = None;
        let mut value = JsonValue::Null;
        reader.object(|reader, key| {
            match key {
                "Tag" => tag_index = tags.position(&text(reader.value()?)),
                "Value" => value = reader.value()?,
                _ => drop(reader.value()?),
            }
            Ok(())
        })?;
        if let Some(tag_index) = tag_index {
            self.push(TagValue { tag_index, value });
        }
        Ok(())
    }

    /// Of several values of a tag the first that is not null is taken.
    fn push(&mut self, value: TagValue<'b>) {
        self.expected_tag = value.tag_index + 1;
        let taken = &mut self.answer.values[self.first_value..];
        match taken.iter_mut().find(|taken| taken.tag_index == value.tag_index) {
            None => self.answer.values.push(value),
            Some(taken) if taken.value == JsonValue::Null => *taken = value,
            Some(taken) if value.value == JsonValue::Null || taken.value.is_same(&value.value) => {}
            Some(_) => {
                let item_index = self.answer.items.len();
                self.answer.conflicting_values.push(ConflictingValue { item_index, value });
            }
        }
    }
}

/// The next value, if it is written as the service's own encoder does and the answer keeps the order of the request;
/// accounts lack some tags. That is a comparison or two instead of three strings. Anything else leaves the reader where
/// it was.
fn read_expected_value<'b>(
    reader: &mut JsonReader<'b>,
    tags: &AskedTags,
    expected_tag: usize,
) -> Result<Option<TagValue<'b>>, NotJson> {
    let start = reader.position();
    for (tag_index, asked) in tags.0.iter().enumerate().skip(expected_tag) {
        if reader.take_exactly(&asked.lead) {
            let value = reader.value()?;
            if reader.take(b'}') {
                return Ok(Some(TagValue { tag_index, value }));
            }
            reader.go_back(start);
            break;
        }
    }
    Ok(None)
}

/// A text, or whatever stands in its place, as text.
fn text(value: JsonValue<'_>) -> Cow<'_, str> {
    match value {
        JsonValue::Text(text) => text.unescape(),
        JsonValue::Number(written) | JsonValue::Other(written) => Cow::Borrowed(written),
        JsonValue::Null => Cow::default(),
    }
}

/// The name of an account: a text, or a number in its place.
fn name(value: JsonValue<'_>) -> Option<Cow<'_, str>> {
    match value {
        JsonValue::Text(text) => Some(text.unescape()),
        JsonValue::Number(written) => Some(Cow::Borrowed(written)),
        JsonValue::Null | JsonValue::Other(_) => None,
    }
}

/// A code given as a number or as a numeric string.
fn code(value: JsonValue<'_>) -> Code<'_> {
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
    /// The code when its key comes twice.
    fn and(self, other: Code<'b>) -> Code<'b> {
        match (self, other) {
            (Code::Absent, other) => other,
            (one, other) if one == other => one,
            _ => Code::Unreadable("two that contradict each other"),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TAGS: [&str; 2] = ["Tag_Profile_IM_Nick", "Tag_Profile_IM_Level"];

    fn tags() -> AskedTags {
        AskedTags::new(TAGS)
    }

    /// The documented partial failure, appendix of the reference.
    const DOCUMENTED: &str = r#"{"UserProfileItem":[
      {"To_Account":"id1","ProfileItem":[{"Tag":"Tag_Profile_IM_Nick","Value":"N1"}],"ResultCode":0,"ResultInfo":""},
      {"To_Account":"id4","ResultCode":40006,"ResultInfo":"Err_Profile_PortraitGet_Read_Custom_Data_Fail"}],
     "Fail_Account":["id4"],"ActionStatus":"OK","ErrorCode":0,"ErrorInfo":"","ErrorDisplay":""}"#;

    fn accounts_of(body: &str) -> Vec<String> {
        let answer = decode(body, &tags()).unwrap();
        answer.items.iter().map(|item| item.account.to_string()).collect()
    }

    #[test]
    fn the_documented_answer() {
        let answer = decode(DOCUMENTED, &tags()).unwrap();
        assert!(!answer.status_is_fail);
        assert_eq!(answer.error_code, Code::Number(0));
        assert_eq!(answer.items.len(), 2);
        assert_eq!(answer.items[0].values, 0..1);
        assert_eq!(answer.values[0].tag_index, 0);
        assert_eq!(answer.items[1].result_code, Code::Number(40006));
        assert_eq!(answer.items[1].profile, ProfileItem::Absent);
        assert_eq!(answer.failed_accounts, ["id4"]);
        assert_eq!(answer.items[1].result_info, "Err_Profile_PortraitGet_Read_Custom_Data_Fail");
        assert!(answer.items[1].values.is_empty());
    }

    #[test]
    fn absent_null_and_misshapen_parts_are_empty() {
        for profile_item in [
            "",
            r#","ProfileItem":null"#,
            r#","ProfileItem":[]"#,
            r#","ProfileItem":{"a":1}"#,
            r#","ProfileItem":"x""#,
        ] {
            let body = format!(r#"{{"UserProfileItem":[{{"To_Account":"a"{profile_item}}}]}}"#);
            let answer = decode(&body, &tags()).unwrap();
            assert_eq!(answer.items.len(), 1, "{body}");
            assert!(answer.values.is_empty());
        }
        assert!(accounts_of(r#"{"UserProfileItem":null}"#).is_empty());
        assert!(!decode(r#"{"UserProfileItem":null}"#, &tags()).unwrap().items_are_unreadable);
        assert!(decode(r#"{"UserProfileItem":{}}"#, &tags()).unwrap().items_are_unreadable);
        let body = r#"{"UserProfileItem":[1,null,{"To_Account":"a"},"x",{},{"To_Account":null}]}"#;
        assert_eq!(accounts_of(body), ["a"]);
        assert_eq!(decode(body, &tags()).unwrap().dropped_items, 5);
    }

    #[test]
    fn codes_that_say_nothing_are_not_success() {
        let code_of = |text: &str| {
            let body = format!(r#"{{"UserProfileItem":[{{"To_Account":"a"{text}}}]}}"#);
            let answer = decode(&body, &tags()).unwrap();
            match answer.items[0].result_code {
                Code::Absent => "absent".to_owned(),
                Code::Number(number) => number.to_string(),
                Code::Unreadable(written) => format!("unreadable {written}"),
            }
        };
        for (text, expected) in [
            ("", "absent"),
            (r#","ResultCode":0"#, "0"),
            (r#","ResultCode":"0""#, "0"),
            (r#","ResultCode":-10113"#, "-10113"),
            (r#","ResultCode":null"#, "unreadable null"),
            (r#","ResultCode":false"#, "unreadable false"),
            (r#","ResultCode":"OK""#, "unreadable OK"),
            (r#","ResultCode":"""#, "unreadable "),
            (r#","ResultCode":0.5"#, "unreadable 0.5"),
            (r#","ResultCode":[0]"#, "unreadable [0]"),
            (r#","ResultCode":0,"ResultCode":0"#, "0"),
            (r#","ResultCode":0,"ResultCode":40006"#, "unreadable two that contradict each other"),
        ] {
            assert_eq!(code_of(text), expected, "{text}");
        }
    }

    #[test]
    fn failed_accounts_of_both_keys_are_read() {
        let body = r#"{"Fail_Account":["a",7,"\u0062"],"Invalid_Account":["c"]}"#;
        let answer = decode(body, &tags()).unwrap();
        assert_eq!(answer.failed_accounts, ["a", "7", "b", "c"]);
        assert!(!answer.failed_accounts_are_unreadable);
        for (body, is_unreadable) in [
            (r#"{"Fail_Account":null}"#, false),
            (r#"{"Fail_Account":[]}"#, false),
            (r#"{"Fail_Account":"a"}"#, true),
            (r#"{"Fail_Account":{}}"#, true),
            (r#"{"Fail_Account":["a",null]}"#, true),
            (r#"{"Fail_Account":[["a"]]}"#, true),
        ] {
            let answer = decode(body, &tags()).unwrap();
            assert_eq!(answer.failed_accounts_are_unreadable, is_unreadable, "{body}");
        }
    }

    #[test]
    fn of_several_values_of_a_tag_the_first_that_is_not_null_is_taken() {
        let values = |values: &str| {
            let body =
                format!(r#"{{"UserProfileItem":[{{"To_Account":"a","ProfileItem":[{values}]}}]}}"#);
            let answer = decode(&body, &tags()).unwrap();
            let taken: Vec<(usize, String)> = answer
                .values
                .iter()
                .map(|value| (value.tag_index, value.value.as_written().to_owned()))
                .collect();
            (taken, answer.conflicting_values.len())
        };
        let value = |value: &str| format!(r#"{{"Tag":"Tag_Profile_IM_Level","Value":{value}}}"#);
        let of = |texts: &[&str]| {
            values(&texts.iter().map(|text| value(text)).collect::<Vec<_>>().join(","))
        };
        assert_eq!(of(&["null", "7", "null"]), (vec![(1, "7".to_owned())], 0));
        assert_eq!(of(&[r#""x""#, r#""\u0078""#]), (vec![(1, "x".to_owned())], 0));
        assert_eq!(of(&["7", "8", "7"]), (vec![(1, "7".to_owned())], 1));
        assert_eq!(of(&["null", "null"]), (vec![(1, "null".to_owned())], 0));
    }

    #[test]
    fn an_item_with_two_names_is_dropped_with_its_values() {
        let value = r#""ProfileItem":[{"Tag":"Tag_Profile_IM_Level","Value":1},{"Tag":"Tag_Profile_IM_Level","Value":2}]"#;
        let body = format!(
            r#"{{"UserProfileItem":[{{"To_Account":"a",{value},"To_Account":"b"}},{{"To_Account":"a","To_Account":"a"}}]}}"#
        );
        let answer = decode(&body, &tags()).unwrap();
        assert_eq!((answer.items.len(), answer.dropped_items), (1, 1));
        assert!(answer.values.is_empty() && answer.conflicting_values.is_empty());
    }

    #[test]
    fn a_byte_order_mark_is_passed_over() {
        assert_eq!(
            decode("\u{feff}{\"ErrorCode\":0}", &tags()).unwrap().error_code,
            Code::Number(0)
        );
        assert!(decode("\u{feff}\u{feff}{}", &tags()).is_err());
    }

    #[test]
    fn keys_in_any_order_unknown_repeated_and_escaped() {
        let body = r#" {"ErrorCode":"40006.0","RequestId":{"a":[1]},"ActionStatus":"FAIL","\u0055serProfileItem":[
            {"ResultCode":"40003","x":[{}],"ProfileItem":[{"Value":7,"Tag":"Tag_Profile_IM_Level"},{"Tag":"other","Value":1}],
             "To_Account":"\u0061b"}],"ErrorInfo":null} "#;
        let answer = decode(body, &tags()).unwrap();
        assert!(answer.status_is_fail);
        assert_eq!(answer.error_code, Code::Number(40006));
        assert_eq!(answer.items[0].account, "ab");
        assert_eq!(answer.items[0].result_code, Code::Number(40003));
        assert_eq!(answer.values, [TagValue { tag_index: 1, value: JsonValue::Number("7") }]);
    }

    #[test]
    fn a_broken_or_cut_answer_is_not_json() {
        for end in 0..DOCUMENTED.len() {
            assert!(decode(&DOCUMENTED[..end], &tags()).is_err(), "cut at {end}");
        }
        for broken in ["<html>", "[]", "null", r#"{"a":1} x"#, r#"{"a":1,}"#, r#"{"a" 1}"#] {
            assert!(decode(broken, &tags()).is_err(), "{broken}");
        }
    }

    /// What an item of an answer may say: account, tags with their values as JSON and perhaps a third key, code, info.
    type ItemSaid = (String, Vec<(&'static str, String, bool)>, i64, &'static str);

    fn any_item() -> impl Strategy<Value = ItemSaid> {
        let value = prop_oneof![
            any::<String>().prop_map(|text| serde_json::json!(text).to_string()),
            any::<u32>().prop_map(|number| number.to_string()),
            Just("null".to_owned()),
        ];
        let tag = prop_oneof![Just(TAGS[0]), Just(TAGS[1]), Just("Tag_Other")];
        let values = proptest::collection::vec((tag, value, proptest::bool::weighted(0.1)), 0..4);
        let code = prop_oneof![4 => Just(0), 1 => Just(40006)];
        (any::<String>(), values, code, prop_oneof![4 => Just(""), 1 => Just("x")])
    }

    /// The item as JSON, with `space` behind every token between values.
    fn written((account, values, code, info): &ItemSaid, space: &str) -> String {
        let values = values.iter().map(|(tag, value, has_more)| {
            let more = if *has_more { r#","More":[1]"# } else { "" };
            format!(r#"{{{space}"Tag":{space}"{tag}",{space}"Value":{space}{value}{more}{space}}}"#)
        });
        let values: Vec<String> = values.collect();
        let (account, values) = (serde_json::json!(account), values.join(&format!(",{space}")));
        format!(
            r#"{{{space}"To_Account":{space}{account},{space}"ProfileItem":[{space}{values}],{space}"ResultCode":{code},{space}"ResultInfo":"{info}"}}"#
        )
    }

    proptest! {
        /// The short cuts for answers as the service writes them find the same as reading key by key, which white space
        /// makes them do.
        #[test]
        fn however_an_answer_is_written_it_says_the_same(items in proptest::collection::vec(any_item(), 0..4)) {
            let body = |space| {
                let items: Vec<String> = items.iter().map(|item| written(item, space)).collect();
                format!(r#"{{"UserProfileItem":[{}],"ErrorCode":0}}"#, items.join(","))
            };
            let (compact, spaced) = (body(""), body(" "));
            let (compact, spaced) = (decode(&compact, &tags()).unwrap(), decode(&spaced, &tags()).unwrap());
            prop_assert_eq!(&compact.values, &spaced.values);
            let facts = |answer: &Answer<'_>| -> Vec<String> {
                answer.items.iter().map(|item| format!("{item:?}")).collect()
            };
            prop_assert_eq!(facts(&compact), facts(&spaced));
            prop_assert_eq!(compact.items.len(), items.len());
        }

        #[test]
        fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = decode(&String::from_utf8_lossy(&bytes), &tags());
        }

        #[test]
        fn a_damaged_answer_is_read_without_panic(at in 0..DOCUMENTED.len(), byte in 0u8..128) {
            let mut bytes = DOCUMENTED.as_bytes().to_vec();
            bytes[at] = byte;
            let _ = decode(&String::from_utf8_lossy(&bytes), &tags());
        }
    }
}
