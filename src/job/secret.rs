//! Secrets stay out of job files, command lines and messages.

use toml::{Table, Value};

use super::error::{KeyPath, Refusal};

/// Names under which people paste a secret; compared without case, `-` and `_`.
const NAMES_OF_SECRETS: [&str; 4] = ["secret", "secretkey", "usersig", "key"];

/// Whether a key or a text is of the kind that may hold a secret, so that no message may repeat its value.
pub(super) fn may_hold_one(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    ["secret", "usersig", "user_sig"].iter().any(|word| text.contains(word))
}

/// Refuses a job with the secret itself in it. The `[emulator]` table is left alone: what is in there guards nothing.
pub(super) fn reject_inline_secrets(table: &Table) -> Result<(), Refusal> {
    let top = table.keys().map(|key| (KeyPath(vec![key.clone()]), key));
    let api = table.get("api").and_then(Value::as_table).into_iter().flat_map(Table::keys);
    let api = api.map(|key| (KeyPath::from("api").then(key), key));
    let names_a_secret = |key: &str| {
        let bare = key.to_ascii_lowercase().replace(['-', '_'], "");
        NAMES_OF_SECRETS.contains(&bare.as_str())
    };
    match top.chain(api).find(|(_, key)| names_a_secret(key)) {
        None => Ok(()),
        Some((path, _)) => Err(Refusal::new(
            path,
            "a secret does not belong in a job or on a command line; take it out, put it into an environment \
             variable or a file, and name that with secret_key_env, secret_key_file or usersig_env",
        )),
    }
}

/// Whether a text that should name a variable or a file is a secret itself: a key is 64 hexadecimal digits, a UserSig
/// is far longer than a name.
pub fn looks_like_one(text: &str) -> bool {
    const SHORTEST_KEY_CHARS: usize = 32;
    const SHORTEST_USERSIG_CHARS: usize = 100;
    let is_hexadecimal = text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let is_usersig = text.starts_with("eJ") && !text.contains(['/', '.', ' ']);
    (text.len() >= SHORTEST_KEY_CHARS && is_hexadecimal)
        || (text.len() >= SHORTEST_USERSIG_CHARS && is_usersig)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_user_sigs_are_known_by_their_look() {
        assert!(looks_like_one(&"5bd2850fff3ecb11".repeat(4)));
        assert!(looks_like_one(&format!("eJwt{}", "*-_aB3".repeat(30))));
        assert!(!looks_like_one("IM_SECRET_KEY"));
        assert!(!looks_like_one("deadbeef"));
        assert!(!looks_like_one("/run/secrets/im_secret_key"));
    }

    #[test]
    fn words_that_may_name_a_secret() {
        assert!(may_hold_one("api.SECRET_key") && may_hold_one("?userSig="));
        assert!(!may_hold_one("api.timeout"));
    }
}
