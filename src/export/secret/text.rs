//! What an environment variable or a file holds in place of a bare secret.

/// Why a text is not a secret key or a UserSig; each text follows the name of the variable or file. The secret is not
/// repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SecretFault {
    #[error("is empty")]
    Empty,
    #[error("is not UTF-8 text")]
    NotText,
    #[error("holds JSON, not the value alone")]
    Json,
    #[error("holds a PEM key of the old signature algorithm, which is not supported")]
    Pem,
    #[error("holds an assignment NAME=value, not the value alone")]
    Assignment,
    #[error("holds the secret in quotes, which would become part of it")]
    Quoted,
    #[error("holds more than one word or line")]
    SeveralWords,
    #[error("holds a control character")]
    ControlCharacter,
}

/// Returns the secret without a byte order mark and the white space that shells and editors leave around it.
pub fn secret_in(text: &str) -> Result<&str, SecretFault> {
    let text = text.trim_matches(|c: char| c.is_whitespace() || c == '\u{feff}');
    if text.is_empty() {
        return Err(SecretFault::Empty);
    }
    if text.starts_with("-----BEGIN") {
        return Err(SecretFault::Pem);
    }
    if text.starts_with('{') {
        return Err(SecretFault::Json);
    }
    if is_assignment(text) {
        return Err(SecretFault::Assignment);
    }
    const QUOTES: [char; 9] =
        ['"', '\'', '`', '\u{2018}', '\u{2019}', '\u{201c}', '\u{201d}', '\u{ab}', '\u{bb}'];
    if text.starts_with(QUOTES) || text.ends_with(QUOTES) {
        return Err(SecretFault::Quoted);
    }
    if text.contains(char::is_whitespace) {
        return Err(SecretFault::SeveralWords);
    }
    if text.contains(char::is_control) {
        return Err(SecretFault::ControlCharacter);
    }
    Ok(text)
}

/// A line of an environment file or a shell script. Padding of base64, which ends in `=`, is not one.
fn is_assignment(text: &str) -> bool {
    let text = text.strip_prefix("export ").unwrap_or(text);
    let Some((name, value)) = text.split_once('=') else { return false };
    let name = name.trim_end();
    name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-'))
        && value.contains(|c: char| c.is_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "5bd2850fff3ecb11d7c805251c51ee463a25727bddc2385f3fa8bfee1bb93b5e";

    #[test]
    fn byte_order_mark_and_surrounding_white_space_are_removed() {
        for (before, after) in [("", ""), ("", "\n"), ("\u{feff}", "\r\n"), (" \u{a0}", "\t ")] {
            assert_eq!(secret_in(&format!("{before}{KEY}{after}")), Ok(KEY));
        }
        assert_eq!(secret_in("c2VjcmV0a2V5=="), Ok("c2VjcmV0a2V5=="));
        assert_eq!(secret_in("eJx-_aB3*"), Ok("eJx-_aB3*"));
    }

    #[test]
    fn other_contents_are_refused_for_what_they_are() {
        let faults = [
            (" \n\u{feff}".to_owned(), SecretFault::Empty),
            ("\u{feff}\n".to_owned(), SecretFault::Empty),
            (format!("{{\"key\":\"{KEY}\"}}"), SecretFault::Json),
            (format!("\"{KEY}\""), SecretFault::Quoted),
            (format!("'{KEY}'\n"), SecretFault::Quoted),
            (format!("\u{201c}{KEY}\u{201d}"), SecretFault::Quoted),
            (format!("IM_SECRET_KEY={KEY}"), SecretFault::Assignment),
            (format!("export IM_SECRET_KEY=\"{KEY}\""), SecretFault::Assignment),
            (format!("secret_key = '{KEY}'"), SecretFault::Assignment),
            (format!("# the key\n{KEY}"), SecretFault::SeveralWords),
            (format!("secret_key: {KEY}"), SecretFault::SeveralWords),
            (format!("{KEY}\0"), SecretFault::ControlCharacter),
            (
                "-----BEGIN PRIVATE KEY-----\nMIGH\n-----END PRIVATE KEY-----".to_owned(),
                SecretFault::Pem,
            ),
        ];
        for (text, fault) in faults {
            assert_eq!(secret_in(&text), Err(fault), "{text:?}");
        }
    }
}
