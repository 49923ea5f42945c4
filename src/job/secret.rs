//! Keeps secrets out of job files, command lines and messages.

use toml::{Table, Value};

use super::error::{KeyError, KeyPath};

/// Keys under which secrets are commonly pasted; compared without case, `-` and `_`.
const SECRET_KEY_NAMES: [&str; 4] = ["secret", "secretkey", "usersig", "key"];
/// Parts of the names of keys under which credentials of object stores are pasted.
const CREDENTIAL_NAMES: [&str; 6] =
    ["secret", "accesskey", "accountkey", "token", "password", "sas"];

/// Whether a key or text may hold a secret, so that no message may repeat its value.
pub fn may_hold_a_secret(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    ["secret", "usersig", "user_sig"].iter().any(|word| text.contains(word))
}

/// Refuses a job that contains the secret itself. The `[emulator]` table is exempt: its keys protect nothing.
pub fn reject_inline_secrets(table: &Table) -> Result<(), KeyError> {
    let top = table.keys().map(|key| (KeyPath(vec![key.clone()]), key));
    let api = table.get("api").and_then(Value::as_table).into_iter().flat_map(Table::keys);
    let api = api.map(|key| (KeyPath::from("api").then(key), key));
    let bare = |key: &str| key.to_ascii_lowercase().replace(['-', '_'], "");
    let store = table.get("store").and_then(Value::as_table);
    let credential = store.into_iter().flat_map(Table::keys).find(|key| {
        let bare = bare(key);
        CREDENTIAL_NAMES.iter().any(|name| bare.contains(name))
    });
    if let Some(key) = credential {
        return Err(KeyError::new(
            KeyPath::from("store").then(key),
            "credentials must not be written in a job file or on a command line; set the environment variables of the \
             store, such as AWS_ACCESS_KEY_ID, instead",
        ));
    }
    let names_a_secret = |key: &str| SECRET_KEY_NAMES.contains(&bare(key).as_str());
    match top.chain(api).find(|(_, key)| names_a_secret(key)) {
        None => Ok(()),
        Some((path, _)) => Err(KeyError::new(
            path,
            "a secret must not be written in a job file or on a command line; move it to an environment variable or a \
             file, and name that with secret_key_env, secret_key_file or usersig_env",
        )),
    }
}

/// Whether text that should name a variable or a file is a secret itself: a key is 64 hexadecimal digits, and a UserSig
/// is much longer than a name.
pub fn looks_like_a_secret(text: &str) -> bool {
    const MIN_KEY_CHARS: usize = 32;
    const MIN_USERSIG_CHARS: usize = 100;
    let is_hexadecimal = text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let is_usersig = text.starts_with("eJ") && !text.contains(['/', '.', ' ']);
    (text.len() >= MIN_KEY_CHARS && is_hexadecimal)
        || (text.len() >= MIN_USERSIG_CHARS && is_usersig)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_user_sigs_are_recognized() {
        assert!(looks_like_a_secret(&"5bd2850fff3ecb11".repeat(4)));
        assert!(looks_like_a_secret(&format!("eJwt{}", "*-_aB3".repeat(30))));
        assert!(!looks_like_a_secret("IM_SECRET_KEY"));
        assert!(!looks_like_a_secret("deadbeef"));
        assert!(!looks_like_a_secret("/run/secrets/im_secret_key"));
    }

    #[test]
    fn names_that_may_hold_a_secret() {
        assert!(may_hold_a_secret("api.SECRET_key") && may_hold_a_secret("?userSig="));
        assert!(!may_hold_a_secret("api.timeout"));
    }
}
