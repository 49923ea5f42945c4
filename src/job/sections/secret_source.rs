//! `api.secret_key_env`, `api.secret_key_file`, `api.usersig_env`: where the secret is.

use std::path::PathBuf;

use super::api::ensure_at_most_one;
use crate::job::error::KeyError;
use crate::job::file::ApiFile;
use crate::job::secret::looks_like_a_secret;
use crate::job::settings::{SecretSource, Target};
use crate::job::validate::Context;
use crate::job::values::{non_empty, path};

/// With the emulator, a source is validated but not used: the emulator generates its own key, so that a job for a real
/// region can be tried with `--set api.emulator=true` on a machine without the secret.
pub fn validate(
    file: &ApiFile,
    target: &Target,
    context: &Context,
) -> Result<SecretSource, KeyError> {
    ensure_at_most_one(&[
        ("api.secret_key_env", file.secret_key_env.is_some()),
        ("api.secret_key_file", file.secret_key_file.is_some()),
        ("api.usersig_env", file.usersig_env.is_some()),
    ])?;
    let given = match (&file.secret_key_env, &file.secret_key_file, &file.usersig_env) {
        (Some(name), _, _) => {
            Some(SecretSource::KeyEnv(variable_name("api.secret_key_env", name)?))
        }
        (_, Some(text), _) => Some(SecretSource::KeyFile(key_file(text, context)?)),
        (_, _, Some(name)) => {
            Some(SecretSource::UserSigEnv(variable_name("api.usersig_env", name)?))
        }
        (None, None, None) => None,
    };
    match (target, given) {
        (Target::Emulator, _) => Ok(SecretSource::EmulatorKey),
        (Target::Endpoint(_), Some(source)) => Ok(source),
        (Target::Endpoint(_), None) => Err(KeyError::new(
            "api.secret_key_env",
            "is missing; write the name of the environment variable that holds the secret key, or set \
             secret_key_file or usersig_env instead",
        )),
    }
}

fn key_file(text: &str, context: &Context) -> Result<PathBuf, KeyError> {
    const KEY: &str = "api.secret_key_file";
    reject_secret(KEY, text)?;
    non_empty(KEY, text, "the path of the file that holds the secret key")?;
    path(KEY, text, context)
}

/// A POSIX name of an environment variable. The message does not repeat the text, which may be the secret.
fn variable_name(key: &str, name: &str) -> Result<String, KeyError> {
    reject_secret(key, name)?;
    let is_name = !name.starts_with(|first: char| first.is_ascii_digit())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && !name.is_empty();
    if !is_name {
        return Err(KeyError::new(
            key,
            "is not a valid name of an environment variable; use letters, digits and _, such as IM_SECRET_KEY",
        ));
    }
    Ok(name.to_owned())
}

fn reject_secret(key: &str, text: &str) -> Result<(), KeyError> {
    if !looks_like_a_secret(text) {
        return Ok(());
    }
    Err(KeyError::new(
        key,
        "looks like the secret itself; write the name of the variable or file that holds it",
    ))
}
