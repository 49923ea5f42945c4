//! The emulator: a local server with the URLs, checks, limits and responses of the service, and any fault.
//!
//! ```text
//!  request ─► server ─► gateway ─► rate ─► portrait_get │ others ───► http_reply ─► connection
//!             (axum)    checks in          faults, population,        complete,
//!                       order              response_body              truncated or reset
//! ```
//!
//! The same settings, profiles and calls give the same responses, whatever the concurrency; only what is counted or
//! timed (rate, windows, `limit`) depends on the order and time of calls. Of the exporter it uses only constants of the
//! protocol and `api::usersig`, so that a bug on one side shows on the other.

mod account_service;
mod calls;
mod connection;
mod contradictions;
mod draw;
mod faults;
mod gateway;
mod generated;
mod http_reply;
mod json_text;
mod page;
mod population;
mod portrait_get;
mod portrait_set;
mod profiles;
mod query;
mod rate;
mod request_body;
mod response_body;
mod server;
mod service_command;
mod service_error;
mod settings;
mod stats;
mod tags;
mod temporary_faults;

use std::collections::HashMap;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use gateway::Credentials;
pub use population::ExpectedOutcome;
pub use profiles::{ProfileValue, Profiles, ProfilesError};
pub use server::run;
pub use settings::{CustomKind, Settings};

use crate::api::usersig::SecretKey;
use faults::{AccountSelector, CallFaults};
use gateway::Gateway;
use population::Population;
use stats::Stats;

/// Default SDKAppID of the emulator.
pub const EMULATOR_SDKAPPID: u64 = 1_400_000_000;

/// Default administrator of the emulator.
pub const EMULATOR_ADMIN: &str = "administrator";

/// Default secret key of the emulator: public, and useless elsewhere. It is the hexadecimal form of "the emulator has no
/// secret to keep", cut to 32 characters.
pub const EMULATOR_SECRET_KEY: &str =
    "74686520656d756c61746f7220686173206e6f2073656372657420746f206b65";

impl Credentials {
    /// The public credentials, for an emulator that only this machine can reach.
    pub fn built_in() -> Credentials {
        Credentials {
            sdkappid: EMULATOR_SDKAPPID,
            admins: vec![EMULATOR_ADMIN.to_owned()],
            secret_key: SecretKey::new(EMULATOR_SECRET_KEY.to_owned()),
        }
    }

    fn has_built_in_key(&self) -> bool {
        self.secret_key == SecretKey::new(EMULATOR_SECRET_KEY.to_owned())
    }
}

/// An emulator; clones share its state.
#[derive(Debug, Clone)]
pub struct Emulator(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    settings: Settings,
    population: Population,
    gateway: Gateway,
    transient: AccountSelector,
    call_faults: Mutex<CallFaults>,
    /// How many responses reported each temporary fault, by the mixed hash of account and fault. Grows with the accounts
    /// that have such a fault.
    temporary_faults: Mutex<HashMap<u64, u32>>,
    calls: AtomicU64,
    stats: Mutex<Stats>,
}

impl Emulator {
    /// Creates an emulator. The settings must have passed [`Settings::check`].
    pub fn new(mut settings: Settings, credentials: Credentials, profiles: Profiles) -> Emulator {
        if settings.population.custom_tags.is_empty() {
            settings.population.custom_tags.clone_from(&profiles.custom_tags);
        }
        Emulator(Arc::new(Shared {
            population: Population::new(&settings, profiles),
            gateway: Gateway::new(&settings, credentials),
            transient: AccountSelector::new("transient", &settings.faults.transient, 40006),
            call_faults: Mutex::new(CallFaults::new(&settings.faults)),
            temporary_faults: Mutex::default(),
            calls: AtomicU64::new(0),
            stats: Mutex::default(),
            settings,
        }))
    }

    /// The accounts and their values, to check an export against.
    pub fn population(&self) -> &Population {
        &self.0.population
    }

    /// The body of the response to a body of `portrait_get`, without the checks of the gateway.
    ///
    /// # Errors
    /// The error code of a call that fails as a whole.
    pub fn portrait_get(&self, body: &[u8]) -> Result<Vec<u8>, i64> {
        portrait_get::read(body, self.settings())
            .and_then(|request| portrait_get::respond(self, &request))
            .map_err(|error| error.code)
    }

    /// Peak of the calls of `portrait_get` in a sliding second, refused calls included.
    pub fn peak_calls_per_second(&self) -> usize {
        self.stats().portrait_get().peak_calls_per_second()
    }

    /// Counts of calls, responses and faults since the start.
    pub fn stats(&self) -> MutexGuard<'_, Stats> {
        self.0.stats.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn settings(&self) -> &Settings {
        &self.0.settings
    }

    fn credentials(&self) -> &Credentials {
        self.0.gateway.credentials()
    }
}

#[cfg(test)]
impl Emulator {
    /// An emulator with the built-in credentials and settings in TOML.
    fn for_test(toml: &str, profiles: Profiles) -> Emulator {
        let settings: Settings = toml::from_str(toml).unwrap();
        assert_eq!(settings.check(), Ok(()));
        Emulator::new(settings, Credentials::built_in(), profiles)
    }
}
