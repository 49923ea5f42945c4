//! What more than one verb needs to begin with: the job, the emulator in the process, the client.

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use jiff::civil::Date;

use super::in_process_emulator::InProcessEmulator;
use super::open_files;
use crate::api::client::{Client, ClientSettings};
use crate::api::proxy::Proxies;
use crate::api::signer::{SigSource, Signer};
use crate::cli::Flags;
use crate::job::{Job, Target};
use crate::util::exit_code::ExitCode;
use crate::util::failure::Failure;

/// The job of a command line, and the run's logical date; refused if the environment names an invalid proxy.
pub fn load_job(path: &Path, flags: &Flags) -> Result<(Job, Date), Failure> {
    let today = || Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date();
    let date = flags.date.unwrap_or_else(today);
    let job = Job::load(path, &flags.overrides, date)?;
    if let Target::Endpoint(endpoint) = &job.api.target {
        // Long before the first call, and by a plan too.
        Proxies::from_environment(endpoint)?;
    }
    Ok((job, date))
}

/// Starts the emulator, if the job is for it.
pub fn start_emulator(job: &Job) -> Result<Option<InProcessEmulator>, Failure> {
    match job.api.target {
        Target::Emulator => Ok(Some(InProcessEmulator::start(job.emulator.clone())?)),
        Target::Endpoint(_) => Ok(None),
    }
}

/// A client for the job's target; `emulator` is the one that was started for it.
pub fn client_of(
    job: &Job,
    sig_source: SigSource,
    emulator: Option<&InProcessEmulator>,
) -> Result<Client, Failure> {
    let api = &job.api;
    let endpoint = match (&api.target, emulator) {
        (Target::Endpoint(endpoint), _) => endpoint.clone(),
        (Target::Emulator, Some(emulator)) => emulator.endpoint(),
        (Target::Emulator, None) => {
            return Err(Failure::new(ExitCode::InternalOrDisk, "the emulator did not start"));
        }
    };
    let signer = Signer::new(sig_source, api.sdkappid, api.identifier.clone(), unix_seconds);
    open_files::ensure_enough(api.max_in_flight, emulator.is_some());
    let settings = ClientSettings {
        sdkappid: api.sdkappid,
        identifier: &api.identifier,
        timeout: api.timeout,
        max_in_flight: api.max_in_flight,
    };
    Ok(Client::new(endpoint, signer, settings)?)
}

/// This machine's clock; one before 1970 counts as 1970.
pub fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
