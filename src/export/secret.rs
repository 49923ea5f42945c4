//! Reads the secret from where the job says it is. The secret itself appears in no error.

use std::env;
use std::fs;
use std::io;
use std::path::PathBuf;

use crate::api::signer::SigSource;
use crate::api::usersig::{SecretKey, UserSig};
use crate::emulator::EMULATOR_SECRET_KEY;
use crate::job::{SecretSource, looks_like_a_secret};
use crate::util::exit_code::{ExitCode, HasExitCode};

/// Why there is no secret. Each text ends with what to do.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The variable is not set, or is empty or blank.
    #[error(
        "the environment variable {name}, which {key} names, is not set, or is empty; set it to the {what}"
    )]
    NotSet {
        /// The variable.
        name: String,
        /// The job's key.
        key: &'static str,
        /// What it should hold.
        what: &'static str,
    },
    /// The variable does not hold text.
    #[error(
        "the environment variable {name}, which {key} names, is not text; set it to the {what}"
    )]
    NotText {
        /// The variable.
        name: String,
        /// The job's key.
        key: &'static str,
        /// What it should hold.
        what: &'static str,
    },
    /// The name is the secret.
    #[error(
        "{key} holds what looks like a secret itself; write the name of the environment variable that holds it"
    )]
    NotAName {
        /// The job's key, or the flag.
        key: &'static str,
    },
    /// The file cannot be read.
    #[error("cannot read {}, which api.secret_key_file names; put the app's secret key in it", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The file is empty or blank.
    #[error("{}, which api.secret_key_file names, is empty; put the app's secret key in it", .path.display())]
    EmptyFile {
        /// The file.
        path: PathBuf,
    },
}

impl HasExitCode for SecretError {
    fn exit_code(&self) -> ExitCode {
        ExitCode::BadUsage
    }
}

const KEY: &str = "app's secret key";
const SIG: &str = "UserSig of api.identifier";

/// Reads what calls are to be signed with.
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

/// The content of a variable, without the white space that shells and editors leave around it.
pub fn from_env(name: &str, key: &'static str, what: &'static str) -> Result<String, SecretError> {
    if looks_like_a_secret(name) {
        return Err(SecretError::NotAName { key });
    }
    let Some(value) = env::var_os(name) else {
        return Err(SecretError::NotSet { name: name.to_owned(), key, what });
    };
    let Some(text) = value.to_str() else {
        return Err(SecretError::NotText { name: name.to_owned(), key, what });
    };
    match text.trim() {
        "" => Err(SecretError::NotSet { name: name.to_owned(), key, what }),
        secret => Ok(secret.to_owned()),
    }
}
