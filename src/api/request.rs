//! The request of `v4/profile/portrait_get`. Source: the API page.

use super::response::MAX_ACCOUNTS_PER_CALL;

/// The body of a request for `accounts` and the tags in `tag_list` (see [`tag_list`]).
pub fn request_body<'a>(accounts: impl Iterator<Item = &'a str>, tag_list: &str) -> String {
    // An account has at most 32 bytes, plus quotes and a comma.
    let mut body = String::with_capacity(32 + tag_list.len() + MAX_ACCOUNTS_PER_CALL * 35);
    body.push_str(r#"{"To_Account":["#);
    for (index, account) in accounts.enumerate() {
        if index > 0 {
            body.push(',');
        }
        push_json_string(&mut body, account);
    }
    body.push_str(r#"],"TagList":"#);
    body.push_str(tag_list);
    body.push('}');
    body
}

/// The tags as a JSON array, built once for all requests of a run.
pub fn tag_list<'a>(tags: impl Iterator<Item = &'a str>) -> String {
    let mut list = String::from("[");
    for (index, tag) in tags.enumerate() {
        if index > 0 {
            list.push(',');
        }
        push_json_string(&mut list, tag);
    }
    list.push(']');
    list
}

/// Appends a text as a JSON string (RFC 8259).
pub(super) fn push_json_string(out: &mut String, text: &str) {
    out.push('"');
    // Tests every byte, without an early exit, so that it is vectorized.
    let needs_escape =
        text.bytes().fold(false, |found, byte| found | matches!(byte, b'"' | b'\\' | 0..=0x1f));
    if needs_escape {
        push_escaped(out, text);
    } else {
        out.push_str(text);
    }
    out.push('"');
}

fn push_escaped(out: &mut String, text: &str) {
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            control if control < ' ' => {
                out.push_str(&format!("\\u{:04x}", u32::from(control)));
            }
            other => out.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TAGS: [&str; 2] = ["Tag_Profile_IM_Nick", "Tag_Profile_IM_Level"];

    #[test]
    fn request_bodies_escape_accounts() {
        let accounts = ["plain", "quo\"te", "back\\slash", "tab\t", "张三"];
        let tags = tag_list(TAGS.into_iter());
        let body: serde_json::Value =
            serde_json::from_str(&request_body(accounts.into_iter(), &tags)).unwrap();
        assert_eq!(body, serde_json::json!({"To_Account": accounts, "TagList": TAGS}));
    }

    proptest! {
        #[test]
        fn request_bodies_carry_any_accounts(accounts in proptest::collection::vec(any::<String>(), 0..5)) {
            let body = request_body(accounts.iter().map(String::as_str), "[]");
            let read: serde_json::Value = serde_json::from_str(&body).unwrap();
            prop_assert_eq!(&read["To_Account"], &serde_json::json!(accounts));
        }
    }
}
