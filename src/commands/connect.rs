//! What every verb that makes calls needs: the emulator of a job that runs against it, and the client.

use std::time::{SystemTime, UNIX_EPOCH};

use super::Failure;
use super::in_process_emulator::InProcessEmulator;
use crate::api::client::Client;
use crate::api::signer::{SigSource, Signer};
use crate::exit_code::ExitCode;
use crate::job::{Job, Target};

/// Starts the emulator of a job that runs against it.
pub(super) fn start_emulator(job: &Job) -> Result<Option<InProcessEmulator>, Failure> {
    match job.api.target {
        Target::Emulator => InProcessEmulator::start(job.emulator.clone())
            .map(Some)
            .map_err(Failure::with(ExitCode::InternalOrDisk)),
        Target::Endpoint(_) => Ok(None),
    }
}

/// The client for a job's calls; `emulator` is the one that was started for it.
pub(super) fn client_of(
    job: &Job,
    sig_source: SigSource,
    emulator: Option<&InProcessEmulator>,
) -> Result<Client, Failure> {
    let api = &job.api;
    let endpoint = match (&api.target, emulator) {
        (Target::Endpoint(endpoint), _) => endpoint.clone(),
        (Target::Emulator, Some(emulator)) => emulator.endpoint(),
        (Target::Emulator, None) => {
            let error = "the emulator did not start".into();
            return Err(Failure { code: ExitCode::InternalOrDisk, error });
        }
    };
    let signer = Signer::new(sig_source, api.sdkappid, api.identifier.clone(), unix_seconds);
    Client::new(endpoint, signer, api.sdkappid, &api.identifier, api.timeout)
        .map_err(Failure::with(ExitCode::InternalOrDisk))
}

fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
