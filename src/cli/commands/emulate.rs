//! `emulate`: the emulator of the service, for people and programs to call.

use std::fs::File;
use std::io::{self, BufReader, Write};
use std::path::Path;

use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use crate::api::usersig::SecretKey;
use crate::cli::EmulateArgs;
use crate::emulator::{self, Credentials, Emulator, Profiles, Settings};
use crate::export::secret;
use crate::job;
use crate::util::disk_error::SystemError;
use crate::util::exit_code::{ExitCode, HasExitCode};
use crate::util::failure::Failure;
use crate::util::runtime::runtime;

/// A file of `emulate` cannot be used.
#[derive(Debug, thiserror::Error)]
enum EmulateError {
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
        source: emulator::ProfilesError,
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

/// Serves until SIGINT or SIGTERM.
pub fn emulate(args: &EmulateArgs) -> Result<(), Failure> {
    let emulator = set_up(args)?;
    let internal = |error: io::Error| SystemError::on("serve the emulator")(error);
    let runtime = runtime()?;
    runtime.block_on(async {
        let address = args.listen.to_string();
        let listener = TcpListener::bind(args.listen)
            .await
            .map_err(|source| EmulateError::Listen { address, source })?;
        let address = listener.local_addr().map_err(internal)?;
        let mut interrupted = signal(SignalKind::interrupt()).map_err(internal)?;
        let mut terminated = signal(SignalKind::terminate()).map_err(internal)?;
        // Whoever starts it from a script reads the address, and does not listen any longer.
        let _ = writeln!(io::stdout(), "http://{address}");
        let stopped = async move {
            tokio::select! {
                _ = interrupted.recv() => {}
                _ = terminated.recv() => {}
            }
        };
        Ok(emulator::run(listener, emulator, stopped).await.map_err(internal)?)
    })
}

fn set_up(args: &EmulateArgs) -> Result<Emulator, Failure> {
    let settings = match &args.faults {
        Some(path) => job::load_emulator_settings(path)?,
        None => Settings::default(),
    };
    let profiles = match &args.profiles {
        Some(path) => read_profiles(path)?,
        None => Profiles::generated(),
    };
    let secret_key = match &args.secret_key_env {
        Some(name) => {
            let text = secret::from_env(name, "--secret-key-env", "app's secret key")?;
            SecretKey::new(text)
        }
        None => SecretKey::new(emulator::EMULATOR_SECRET_KEY.to_owned()),
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
