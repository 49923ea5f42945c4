//! The emulator that the arguments of `emulate` describe.

use std::fs::File;
use std::io::{self, BufReader};
use std::path::Path;

use crate::api::usersig::SecretKey;
use crate::cli::EmulateArgs;
use crate::emulator::{
    Credentials, EMULATOR_SECRET_KEY, Emulator, Profiles, ProfilesError, Settings,
};
use crate::export::secret;
use crate::job;
use crate::util::exit_code::{ExitCode, HasExitCode};
use crate::util::failure::Failure;

/// An argument of `emulate` cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum EmulateError {
    #[error("cannot read {file}, which --profiles names; correct the path")]
    Unreadable {
        file: String,
        #[source]
        source: io::Error,
    },
    #[error("{file} cannot be used")]
    Profiles {
        file: String,
        #[source]
        source: ProfilesError,
    },
    #[error("cannot listen on {address}; choose another --listen, or port 0 for a free one")]
    Listen {
        address: String,
        #[source]
        source: io::Error,
    },
}

impl HasExitCode for EmulateError {
    fn exit_code(&self) -> ExitCode {
        ExitCode::BadUsage
    }
}

/// Reads the files that the arguments name.
pub fn set_up(args: &EmulateArgs) -> Result<Emulator, Failure> {
    let settings = match &args.faults {
        Some(path) => job::load_emulator_settings(path)?,
        None => Settings::default(),
    };
    let profiles = match &args.profiles {
        Some(path) => read_profiles(path)?,
        None => Profiles::generated(),
    };
    let secret_key = match &args.secret_key_env {
        Some(name) => secret::key_from_flag(name)?,
        None => SecretKey::new(EMULATOR_SECRET_KEY.to_owned()),
    };
    let credentials =
        Credentials { sdkappid: args.sdkappid, admins: args.admins.clone(), secret_key };
    Ok(Emulator::new(settings, credentials, profiles))
}

fn read_profiles(path: &Path) -> Result<Profiles, EmulateError> {
    let file = path.display().to_string();
    let reader = File::open(path)
        .map_err(|source| EmulateError::Unreadable { file: file.clone(), source })?;
    Profiles::from_ndjson(BufReader::new(reader))
        .map_err(|source| EmulateError::Profiles { file, source })
}
