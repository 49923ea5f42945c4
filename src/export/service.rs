//! The connection to the service: the emulator in this process where the job uses it, and the client.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use super::in_process_emulator::InProcessEmulator;
use crate::api::client::{Client, ClientSettings};
use crate::api::signer::{SigSource, Signer};
use crate::emulator;
use crate::job::{ApiSettings, Target};
use crate::util::failure::Failure;

/// A client, and the emulator that it calls, which stops when this value is dropped.
pub struct ServiceConnection {
    pub client: Arc<Client>,
    _emulator: Option<InProcessEmulator>,
}

/// Starts the emulator if the job uses it, and sets up the client. No call is made yet.
pub fn connect(
    api: &ApiSettings,
    emulator: &emulator::Settings,
    sig_source: SigSource,
) -> Result<ServiceConnection, Failure> {
    let (endpoint, emulator) = match &api.target {
        Target::Endpoint(endpoint) => (endpoint.clone(), None),
        Target::Emulator => {
            let emulator = InProcessEmulator::start(emulator.clone())?;
            (emulator.endpoint(), Some(emulator))
        }
    };
    let signer = Signer::new(sig_source, api.sdkappid, api.identifier.clone(), unix_seconds);
    let settings = ClientSettings {
        sdkappid: api.sdkappid,
        identifier: &api.identifier,
        timeout: api.timeout,
        max_in_flight: api.max_in_flight,
    };
    let client = Arc::new(Client::new(endpoint, signer, settings)?);
    Ok(ServiceConnection { client, _emulator: emulator })
}

/// This machine's clock; a time before 1970 counts as 1970.
pub fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
