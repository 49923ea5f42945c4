//! Reads the secret from where the job names it. No error contains the secret itself.

mod text;

use std::env;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use self::text::{SecretFault, secret_in};
use super::warning::Warning;

use jiff::Timestamp;

use super::kept::ReadyUserSig;
use crate::api::signer::SigSource;
use crate::api::usersig::{SecretKey, UserSig, decode};
use crate::emulator::EMULATOR_SECRET_KEY;
use crate::job::{SecretSource, looks_like_a_secret};
use crate::util::exit_code::{ExitCode, HasExitCode};
use crate::util::timestamp::rfc3339_seconds;

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
    #[error("cannot read {}, which api.secret_key_file names; correct the path or its permissions, and put the app's secret key in it", .path.display())]
    File {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("the environment variable {name}, which {key} names, {fault}; set it to the {content}")]
    BadVariable { name: String, key: &'static str, content: &'static str, fault: SecretFault },
    #[error("{}, which api.secret_key_file names, {fault}; put the app's secret key in it, and nothing else", .path.display())]
    BadFile { path: PathBuf, fault: SecretFault },
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
        SecretSource::KeyFile(path) => SigSource::Key(SecretKey::new(from_file(path)?)),
        SecretSource::EmulatorKey => SigSource::Key(SecretKey::new(EMULATOR_SECRET_KEY.to_owned())),
    })
}

/// What messages may say about the UserSig that the job provides instead of a key.
pub fn ready_usersig(source: &SecretSource, sig_source: &SigSource) -> Option<ReadyUserSig> {
    let (SecretSource::UserSigEnv(variable), SigSource::Ready(sig)) = (source, sig_source) else {
        return None;
    };
    let expires_at = decode(sig.as_str()).ok().and_then(|claims| {
        let seconds = i64::try_from(claims.expires_at()).ok()?;
        Some(rfc3339_seconds(Timestamp::from_second(seconds).ok()?))
    });
    Some(ReadyUserSig { variable: variable.clone(), expires_at })
}

/// Reads the key from the environment variable that `--secret-key-env` names.
pub fn key_from_flag(name: &str) -> Result<SecretKey, SecretError> {
    Ok(SecretKey::new(from_env(name, "--secret-key-env", KEY)?))
}

/// Warns if every user of the machine can read the file that holds the secret key.
pub fn exposure(source: &SecretSource) -> Option<Warning> {
    const READABLE_BY_OTHERS: u32 = 0o004;
    let SecretSource::KeyFile(path) = source else { return None };
    let is_exposed =
        path.metadata().is_ok_and(|file| file.is_file() && file.mode() & READABLE_BY_OTHERS != 0);
    is_exposed.then(|| Warning::ExposedKey { file: path.display().to_string() })
}

fn from_file(path: &Path) -> Result<String, SecretError> {
    /// A key has 64 bytes; what is longer is another file, perhaps an endless one.
    const MAX_BYTES: u64 = 64 * 1024;
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MAX_BYTES).read_to_end(&mut bytes))
        .map_err(|source| SecretError::File { path: path.to_owned(), source })?;
    match str::from_utf8(&bytes).map_err(|_| SecretFault::NotText).and_then(secret_in) {
        Ok(secret) => Ok(secret.to_owned()),
        Err(fault) => Err(SecretError::BadFile { path: path.to_owned(), fault }),
    }
}

fn from_env(name: &str, key: &'static str, content: &'static str) -> Result<String, SecretError> {
    if looks_like_a_secret(name) {
        return Err(SecretError::NotAName { key });
    }
    let name = name.to_owned();
    let Some(value) = env::var_os(&name) else {
        return Err(SecretError::NotSet { name, key, content });
    };
    let Some(text) = value.to_str() else {
        return Err(SecretError::NotText { name, key, content });
    };
    match secret_in(text) {
        Ok(secret) => Ok(secret.to_owned()),
        Err(SecretFault::Empty) => Err(SecretError::NotSet { name, key, content }),
        Err(fault) => Err(SecretError::BadVariable { name, key, content, fault }),
    }
}
