//! Texts of the service, which are untrusted.

/// Longest text of the service that is kept, in bytes.
const INFO_MAX_BYTES: usize = 300;

/// Makes a text of the service safe to keep and to show: on one line, since it may reach a terminal; without the UserSig,
/// since a gateway may repeat the URL of the call; at most [`INFO_MAX_BYTES`] long.
pub fn sanitize_and_truncate(info: &str) -> String {
    let mut shown = without_user_sigs(info).replace(char::is_control, " ");
    shown.truncate(shown.floor_char_boundary(INFO_MAX_BYTES));
    shown
}

/// Removes every UserSig, percent-encoded ones too.
fn without_user_sigs(text: &str) -> String {
    /// Every UserSig starts with this: the base64 of the first bytes of a zlib stream.
    const START: &str = "eJ";
    /// A real one has more than 150 bytes; no code or request id is this long.
    const SHORTEST_BYTES: usize = 64;
    let may_be_in_one = |byte: &u8| byte.is_ascii_alphanumeric() || b"*-_+/=%".contains(byte);
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(START) {
        let bytes = rest[start..].bytes().take_while(may_be_in_one).count();
        let is_one = bytes >= SHORTEST_BYTES;
        let end = start + if is_one { bytes } else { START.len() };
        shown.push_str(&rest[..if is_one { start } else { end }]);
        if is_one {
            shown.push_str("(UserSig not shown)");
        }
        rest = &rest[end..];
    }
    shown + rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::usersig::{SecretKey, sign};

    #[test]
    fn long_texts_of_the_service_are_cut_between_characters() {
        let info = "张".repeat(1000);
        assert_eq!(sanitize_and_truncate(&info).len(), 300);
        assert!(sanitize_and_truncate(&"é".repeat(1000)).len() <= INFO_MAX_BYTES);
    }

    #[test]
    fn echoed_usersigs_are_removed() {
        let sig = sign(&SecretKey::new("k".to_owned()), 1_400_000_000, "administrator", 1, 86_400);
        let encoded = sig.as_str().replace(['*', '-', '_'], "%2A");
        let echoed = format!("eJ no: usersig={}&random=1, again {encoded}", sig.as_str());
        assert_eq!(
            sanitize_and_truncate(&echoed),
            "eJ no: usersig=(UserSig not shown)&random=1, again (UserSig not shown)"
        );
        assert!(
            !sanitize_and_truncate(&format!("{}{}", "x".repeat(280), sig.as_str())).contains("eJ")
        );
    }

    #[test]
    fn control_characters_are_replaced() {
        assert_eq!(
            sanitize_and_truncate("no\x1b[31m\nerror: forged\u{9b}"),
            "no [31m error: forged "
        );
    }
}
