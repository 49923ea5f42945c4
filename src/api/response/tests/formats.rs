//! Plain items are read straight through, others key by key: both ways give the same result.

use std::fmt::Write;

use super::*;

/// The requested tags, of which one needs escapes, and one that is not requested.
const TAGS: [&str; 6] = ["Tag_a", "Tag_bb", "Tag_ab", "Tag_\"\u{e9}", "Tag_a_", "Tag_other"];

const KEYS: [&str; 4] = ["To_Account", "ProfileItem", "ResultCode", "ResultInfo"];

/// An item of a response.
#[derive(Debug, Clone)]
struct ItemContent {
    /// In the order of the JSON, some more than once.
    keys: Vec<&'static str>,
    account: String,
    code: &'static str,
    info: &'static str,
    /// For each tag.
    values: Vec<ValueContent>,
    has_other_order: bool,
    repeats_first_tag: bool,
}

#[derive(Debug, Clone)]
struct ValueContent {
    is_absent: bool,
    json: String,
    is_before_tag: bool,
    has_third_key: bool,
}

/// JSON of a text, with `\uXXXX` for all that is not ASCII if it is from one of the encoders that do so.
fn quoted(text: &str, is_ascii: bool) -> String {
    let json = serde_json::json!(text).to_string();
    if !is_ascii {
        return json;
    }
    json.encode_utf16().fold(String::new(), |mut escaped, unit| {
        match u8::try_from(unit) {
            Ok(b'/') => escaped.push_str("\\/"),
            Ok(byte) if byte.is_ascii() => escaped.push(char::from(byte)),
            _ => write!(escaped, "\\u{unit:04x}").unwrap(),
        }
        escaped
    })
}

fn any_value() -> impl Strategy<Value = ValueContent> {
    let json = prop_oneof![
        4 => (any::<String>(), any::<bool>()).prop_map(|(text, is_ascii)| quoted(&text, is_ascii)),
        2 => any::<u32>().prop_map(|number| number.to_string()),
        1 => proptest::sample::select(&["null", "true", "-1.5e3", "[{}]", r#"{"a":"}"}"#, r#""\\""#])
            .prop_map(str::to_owned),
    ];
    let rare = proptest::bool::weighted(0.03);
    (proptest::bool::weighted(0.2), json, any::<bool>(), rare).prop_map(
        |(is_absent, json, is_before_tag, has_third_key)| ValueContent {
            is_absent,
            json,
            is_before_tag,
            has_third_key,
        },
    )
}

fn any_item() -> impl Strategy<Value = ItemContent> {
    let keys = prop_oneof![
        4 => Just(KEYS.to_vec()),
        4 => Just(KEYS.to_vec()).prop_shuffle(),
        1 => proptest::collection::vec(proptest::sample::select(&KEYS), 0..7),
    ];
    let code = proptest::sample::select(&["0", "0", "0", "0.0", "00", "40006"]);
    let info = proptest::sample::select(&["\"\"", "\"\"", "\"x\"", "null"]);
    let values = proptest::collection::vec(any_value(), TAGS.len());
    let rare = || proptest::bool::weighted(0.1);
    (keys, any::<String>(), code, info, values, rare(), rare()).prop_map(
        |(keys, account, code, info, values, has_other_order, repeats_first_tag)| ItemContent {
            keys,
            account,
            code,
            info,
            values,
            has_other_order,
            repeats_first_tag,
        },
    )
}

/// The item as JSON, with `space` behind every token between values.
fn written(item: &ItemContent, tags: &[&str], space: &str) -> String {
    let mut values: Vec<String> = Vec::new();
    for (tag, value) in tags.iter().zip(&item.values).filter(|(_, value)| !value.is_absent) {
        let tag = format!(r#""Tag":{space}{}"#, quoted(tag, false));
        let json = format!(r#""Value":{space}{}"#, value.json);
        let (one, other) = if value.is_before_tag { (json, tag) } else { (tag, json) };
        let more = if value.has_third_key { r#","More":[1]"# } else { "" };
        values.push(format!("{{{space}{one},{space}{other}{more}{space}}}"));
    }
    if item.has_other_order {
        values.reverse();
    }
    values.extend(values.first().filter(|_| item.repeats_first_tag).cloned());
    let values = values.join(&format!(",{space}"));
    let pair = |key: &&str| match *key {
        "To_Account" => format!(r#""To_Account":{space}{}"#, quoted(&item.account, false)),
        "ProfileItem" => format!(r#""ProfileItem":{space}[{space}{values}]"#),
        "ResultCode" => format!(r#""ResultCode":{space}{}"#, item.code),
        _ => format!(r#""ResultInfo":{space}{}"#, item.info),
    };
    let pairs: Vec<String> = item.keys.iter().map(pair).collect();
    format!("{{{space}{}}}", pairs.join(&format!(",{space}")))
}

/// All that was decoded.
fn shown(body: &str) -> String {
    let requested = RequestedTags::new(TAGS.into_iter().filter(|tag| *tag != "Tag_other"));
    format!("{:?}", decode(body, &requested))
}

proptest! {
    /// White space forces decoding key by key.
    #[test]
    fn formatting_does_not_change_the_result(
        tags in Just(TAGS.to_vec()).prop_shuffle(),
        items in proptest::collection::vec(any_item(), 0..8),
    ) {
        let body = |space| {
            let items: Vec<String> = items.iter().map(|item| written(item, &tags, space)).collect();
            format!(r#"{{"UserProfileItem":[{}],"ErrorCode":0}}"#, items.join(","))
        };
        let compact = shown(&body(""));
        prop_assert!(compact.starts_with("Ok"));
        prop_assert_eq!(compact, shown(&body(" ")));
    }

    /// A damaged item is decoded the same way, or refused in both.
    #[test]
    fn damage_does_not_depend_on_the_way_of_decoding(
        item in any_item(),
        cut in any::<proptest::sample::Index>(),
        byte in proptest::option::of(proptest::sample::select(br#"",:{}[]\ 0a"#)),
    ) {
        let item = written(&item, &TAGS, "");
        let at = (0..=cut.index(item.len())).rev().find(|at| item.is_char_boundary(*at)).unwrap();
        let mut damaged = item[..at].to_owned();
        if let Some(byte) = byte {
            damaged.push(char::from(byte));
            damaged.extend(item[at..].chars().skip(1));
        }
        let compact = format!(r#"{{"UserProfileItem":[{damaged}]}}"#);
        let spaced = compact.replacen("[{", "[{ ", 1);
        prop_assert_eq!(shown(&compact), shown(&spaced));
    }
}
