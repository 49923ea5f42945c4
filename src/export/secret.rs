//! Reads the secret from where the job names it. No error contains the secret itself.

use std::env;
use std::fs;
use std::io;
use std::path::PathBuf;

use crate::api::signer::SigSource;
use crate::api::usersig::{SecretKey, UserSig};
use crate::emulator::EMULATOR_SECRET_KEY;
use crate::job::{SecretSource, looks_like_a_secret};
use crate::util::exit_code::{ExitCode, HasExitCode};

/// Why the secret is missing. `key` is the job's key, or the flag, that names it. Each text ends with the fix.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The variable is not set, empty or blank.
    #[error(
        "the environment variable {name}, which {key} names, is not set, or is empty; set it to the {content}"
    )]
    NotSet { name: String, key: &'static str, content: &'static str },
    #[error(
        "the environment variable {name}, which {key} names, is not text; set it to the {content}"
    )]
    NotText { name: String, key: &'static str, content: &'static str },
    #[error(
        "{key} holds what looks like a secret itself; write the name of the environment variable that holds it"
    )]
    NotAName { key: &'static str },
    #[error("cannot read {}, which api.secret_key_file names; put the app's secret key in it", .path.display())]
    File {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("{}, which api.secret_key_file names, is empty; put the app's secret key in it", .path.display())]
    EmptyFile { path: PathBuf },
}

impl HasExitCode for SecretError {
    fn exit_code(&self) -> ExitCode {
        ExitCode::BadUsage
    }
}

const KEY: &str = "app's secret key";
const SIG: &str = "UserSig of api.identifier";

/// Reads the secret with which calls are signed.
pub fn read(source: &SecretSource) -> Result<SigSource, SecretError> {
    Ok(match source {
        SecretSource::KeyEnv(name) => {
            SigSource::Key(SecretKey::new(from_env(name, "api.secret_key_env", KEY)?))
        }
        SecretSource::UserSigEnv(name) => {
            SigSource::Ready(UserSig::new(from_env(name, "api.usersig_env", SIG)?))
        }
        SecretSource::KeyFile(path) => {
            let text = fs::read_to_string(path)
                .map_err(|source| SecretError::File { path: path.clone(), source })?;
            if text.trim().is_empty() {
                return Err(SecretError::EmptyFile { path: path.clone() });
            }
            SigSource::Key(SecretKey::new(text.trim().to_owned()))
        }
        SecretSource::EmulatorKey => SigSource::Key(SecretKey::new(EMULATOR_SECRET_KEY.to_owned())),
    })
}

/// Reads the key from the environment variable that `--secret-key-env` names.
pub fn key_from_flag(name: &str) -> Result<SecretKey, SecretError> {
    Ok(SecretKey::new(from_env(name, "--secret-key-env", KEY)?))
}

/// Returns the value of a variable without the white space that shells and editors leave around it.
fn from_env(name: &str, key: &'static str, content: &'static str) -> Result<String, SecretError> {
    if looks_like_a_secret(name) {
        return Err(SecretError::NotAName { key });
    }
    let not_set = || SecretError::NotSet { name: name.to_owned(), key, content };
    let value = env::var_os(name).ok_or_else(not_set)?;
    let text = value.to_str().ok_or_else(|| SecretError::NotText {
        name: name.to_owned(),
        key,
        content,
    })?;
    match text.trim() {
        "" => Err(not_set()),
        secret => Ok(secret.to_owned()),
    }
}
