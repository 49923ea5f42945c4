//! Bodies of answers, written straight into bytes: JSON text, the fields that every answer has, and the words
//! that go with a code.

use std::io::Write;

use super::settings::UndocumentedBehavior;

/// How text beyond plain ASCII is written.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct TextStyle {
    /// All of it as `\uXXXX`.
    pub(super) escape_non_ascii: bool,
    /// U+FFFD as half a surrogate pair.
    pub(super) lone_surrogates: bool,
}

/// Writes a JSON string with its quotes.
pub(super) fn push_text(out: &mut Vec<u8>, text: &str, style: TextStyle) {
    out.push(b'"');
    if style.escape_non_ascii || style.lone_surrogates {
        text.chars().for_each(|character| push_styled(out, character, style));
    } else {
        push_plain(out, text.as_bytes());
    }
    out.push(b'"');
}

/// Copies runs that need no escape as a whole.
fn push_plain(out: &mut Vec<u8>, text: &[u8]) {
    let mut rest = text;
    while let Some(at) = rest.iter().position(|&byte| byte < 0x20 || byte == b'"' || byte == b'\\')
    {
        out.extend_from_slice(&rest[..at]);
        push_escape(out, rest[at]);
        rest = &rest[at + 1..];
    }
    out.extend_from_slice(rest);
}

fn push_escape(out: &mut Vec<u8>, byte: u8) {
    match byte {
        b'"' => out.extend_from_slice(b"\\\""),
        b'\\' => out.extend_from_slice(b"\\\\"),
        b'\n' => out.extend_from_slice(b"\\n"),
        b'\r' => out.extend_from_slice(b"\\r"),
        b'\t' => out.extend_from_slice(b"\\t"),
        other => push_formatted(out, format_args!("\\u{other:04x}")),
    }
}

fn push_styled(out: &mut Vec<u8>, character: char, style: TextStyle) {
    if character == '\u{fffd}' && style.lone_surrogates {
        out.extend_from_slice(b"\\ud83d");
    } else if !character.is_ascii() && style.escape_non_ascii {
        for unit in character.encode_utf16(&mut [0; 2]) {
            push_formatted(out, format_args!("\\u{unit:04x}"));
        }
    } else {
        push_plain(out, character.encode_utf8(&mut [0; 4]).as_bytes());
    }
}

/// Writes formatted bytes.
pub(super) fn push_formatted(out: &mut Vec<u8>, arguments: std::fmt::Arguments<'_>) {
    out.write_fmt(arguments).expect("writing into memory cannot fail");
}

/// Writes a number, as a JSON string if so wished.
pub(super) fn push_number(out: &mut Vec<u8>, number: impl std::fmt::Display, as_string: bool) {
    if as_string {
        push_formatted(out, format_args!("\"{number}\""));
    } else {
        push_formatted(out, format_args!("{number}"));
    }
}

/// What ends every answer.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Status {
    pub(super) code: i64,
    /// Profile commands carry `ErrorDisplay`.
    pub(super) with_display: bool,
    /// Neither `ActionStatus` nor `ErrorInfo`.
    pub(super) is_bare: bool,
    pub(super) codes_as_strings: bool,
}

/// Writes the common fields, from `"ActionStatus"` to the last before the closing brace.
pub(super) fn push_status(
    out: &mut Vec<u8>,
    status: Status,
    info: &str,
    questions: &UndocumentedBehavior,
) {
    if !status.is_bare {
        let word = if status.code == 0 { "OK" } else { "FAIL" };
        push_formatted(out, format_args!("\"ActionStatus\":\"{word}\","));
    }
    out.extend_from_slice(b"\"ErrorCode\":");
    push_number(out, status.code, status.codes_as_strings);
    if !status.is_bare {
        out.extend_from_slice(b",\"ErrorInfo\":");
        push_text(out, info, TextStyle::default());
    }
    if status.with_display {
        out.extend_from_slice(b",\"ErrorDisplay\":\"\"");
    }
    if questions.request_id {
        out.extend_from_slice(
            b",\"RequestId\":\"Id-70e312f1de024af5a36714b7b71da224-O-Seq-63504\"",
        );
    }
}

/// A whole answer that holds nothing but the common fields; `info` takes the place of the code's own words.
pub(super) fn status_body(
    code: i64,
    info: Option<&str>,
    with_display: bool,
    questions: &UndocumentedBehavior,
) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    out.push(b'{');
    let status = Status { code, with_display, ..Status::default() };
    push_status(&mut out, status, words_of(code, info, questions), questions);
    out.push(b'}');
    out
}

/// The words for a code: those of the settings, those given, or those that were seen or follow the same form.
pub(super) fn words_of<'w>(
    code: i64,
    given: Option<&'w str>,
    questions: &'w UndocumentedBehavior,
) -> &'w str {
    if !questions.error_info.is_empty()
        && let Some(words) = questions.error_info.get(&code.to_string())
    {
        return words;
    }
    given.unwrap_or_else(|| built_in_words(code))
}

/// Sources: `docs/im-rest-api.md` sections 3 and 5; words marked there as unknown are our own.
fn built_in_words(code: i64) -> &'static str {
    match code {
        0 => "",
        40001 => "Err_Profile_Comm_Param_Invalid",
        40002 => "Err_Profile_To_Account_Empty",
        40003 => "Err_Profile_PortraitGet_Account_Not_Exist",
        40004 => "Err_Profile_Comm_Not_Admin",
        40006 => "Err_Profile_PortraitGet_Read_Custom_Data_Fail",
        40007 => "Err_Profile_PortraitGet_No_Read_Permission",
        40009 => "Err_Profile_PortraitGet_Tag_Not_Exist",
        40601 => "Err_Profile_PortraitSet_Value_Too_Long",
        40605 => "Err_Profile_PortraitSet_Value_Invalid",
        40610 => "Err_Profile_PortraitSet_Value_Type_Invalid",
        60002 => "HTTP parse Error",
        60003 => "JSON parse Error",
        60006 => "SDKAppID is invalid",
        60007 => "the frequency of REST API calls exceeds the limit",
        60008 => "service timeout or request format error,please check and try again",
        60009 => "request resource error, please check the URL",
        60010 => "the request requires app admin permissions",
        60012 => "SDKAppID is missing in the URL",
        60015 => "a UserID in the body is not a string",
        60025 => "SDKAppID, Identifier, UserSig or ContentType in the URL is wrong",
        60026 => "the domain or SDKAppID does not match the data center of the app",
        60028 => "the number of REST API calls of the trial edition in 24 hours exceeds the limit",
        70001 => "The UserSig in use is expired",
        70002 => "The UserSig in use is empty",
        70003 => "The UserSig in use is illegal. Please regenerate UserSig through official API.",
        70009 => {
            "UserSig verification Failed. The UserSig in use maybe generated by Secret Key from other \
             SDKAppID. Please regenerate UserSig by Secret Key from its own SDKAppID."
        }
        70013 => "Err_TLS_Third_Sig_Check_Sig_Identifier_Unmatch",
        70014 => "Err_TLS_Third_Sig_Check_Sig_SDKAppID_Unmatch",
        70107 => "Err_TLS_PT_Open_Login_Account_Not_Exist",
        70398 => "the number of accounts exceeds the limit",
        70399 => "a deleted account cannot be imported again within 3 months",
        70402 => "a parameter is illegal",
        70403 => "the request requires app admin permissions",
        _ => "internal error of the service",
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(text: &str, style: TextStyle) -> String {
        let mut out = Vec::new();
        push_text(&mut out, text, style);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn styles_differ_in_spelling_alone() {
        let all_escaped = TextStyle { escape_non_ascii: true, lone_surrogates: false };
        assert_eq!(
            written("a\"\\\n\u{1}张🎉", TextStyle::default()),
            "\"a\\\"\\\\\\n\\u0001张🎉\""
        );
        assert_eq!(written("张🎉\n", all_escaped), "\"\\u5f20\\ud83c\\udf89\\n\"");
        let halves = TextStyle { escape_non_ascii: false, lone_surrogates: true };
        assert_eq!(written("张\u{fffd}\"", halves), "\"张\\ud83d\\\"\"");
    }

    #[test]
    fn a_refusal_reads_as_the_documents_show_it() {
        let mut questions = UndocumentedBehavior::default();
        assert_eq!(
            String::from_utf8(status_body(60002, None, false, &questions)).unwrap(),
            r#"{"ActionStatus":"FAIL","ErrorCode":60002,"ErrorInfo":"HTTP parse Error"}"#
        );
        questions.error_info.insert("40001".to_owned(), "my \"words\"".to_owned());
        assert_eq!(
            String::from_utf8(status_body(40001, Some("given"), true, &questions)).unwrap(),
            r#"{"ActionStatus":"FAIL","ErrorCode":40001,"ErrorInfo":"my \"words\"","ErrorDisplay":""}"#
        );
    }

    proptest! {
        #[test]
        fn text_reads_back_as_it_was(text: String, escape_non_ascii: bool) {
            let style = TextStyle { escape_non_ascii, lone_surrogates: false };
            let json = written(&text, style);
            prop_assert!(!escape_non_ascii || json.is_ascii());
            prop_assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
        }
    }
}
