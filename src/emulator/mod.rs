//! The emulator: the service's URL form, checks, limits and answers on a port of one's own, with any fault.
//!
//! ```text
//!  request ─► server ─► gateway ─► rate ─► portrait_get │ others ───► reply ─► connection
//!             (axum)    checks in          faults, population,        whole, cut or reset
//!                       order              answer
//! ```
//!
//! Promise: the same settings, profiles and calls give the same answers, whatever the concurrency; only what is
//! counted or timed (rate, windows, `limit`) depends on when calls come. Shares with the exporter nothing but
//! `api::wire` and `api::usersig`, so that a mistake of one is seen by the other.

mod account_service;
mod answer;
mod command;
mod connection;
mod contradictions;
mod faults;
mod gateway;
mod generated;
mod page;
mod population;
mod portrait_get;
mod portrait_set;
mod profiles;
mod query;
mod rate;
mod reply;
mod request_body;
mod server;
pub mod settings;
mod stats;
mod tags;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

pub use gateway::Credentials;
pub use population::{ExpectedOutcome, Population};
pub use profiles::{Profiles, ProfilesError, Value};
pub use rate::{Meter, RateWindow};
pub use server::run;
pub use settings::Settings;
pub use stats::Stats;
pub use tags::is_custom_tag;

use command::Command;
use contradictions::Contradiction;
use faults::{CallFaults, Fault, Picker, mix, salt_of};
use gateway::{Admitted, Gateway, Refusal, RequestLine, RequestTime};
use portrait_get::CallError;
use reply::{Reply, Wire};

use crate::api::usersig::SecretKey;
use settings::WindowKind;

/// SDKAppID of the emulator when nothing else is said.
pub const EMULATOR_SDKAPPID: u64 = 1_400_000_000;

/// Administrator of the emulator when nothing else is said.
pub const EMULATOR_ADMIN: &str = "administrator";

/// Secret key of the emulator when nothing else is said. Public, and of no use anywhere else; its digits spell
/// "the emulator has no secret to keep" cut to 32 characters.
pub const EMULATOR_SECRET_KEY: &str =
    "74686520656d756c61746f7220686173206e6f2073656372657420746f206b65";

impl Credentials {
    /// The public credentials for an emulator that nobody else can reach.
    pub fn built_in() -> Credentials {
        Credentials {
            sdkappid: EMULATOR_SDKAPPID,
            admins: vec![EMULATOR_ADMIN.to_owned()],
            secret_key: SecretKey::new(EMULATOR_SECRET_KEY.to_owned()),
        }
    }

    fn are_built_in(&self) -> bool {
        self.secret_key == SecretKey::new(EMULATOR_SECRET_KEY.to_owned())
    }
}

/// An emulator; clones share one state.
#[derive(Debug, Clone)]
pub struct Emulator(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    settings: Settings,
    population: Population,
    gateway: Gateway,
    transient: Picker,
    call_faults: Mutex<CallFaults>,
    /// By account and fault, mixed: how many answers a passing failure took. Only of accounts that have one.
    asks: Mutex<HashMap<u64, u32>>,
    arrivals: AtomicU64,
    stats: Mutex<Stats>,
}

impl Emulator {
    /// An emulator with these settings, best checked before with [`Settings::check`].
    pub fn new(settings: Settings, credentials: Credentials, profiles: Profiles) -> Emulator {
        let settings = settings.with_custom_tags_of(&profiles);
        Emulator(Arc::new(Shared {
            population: Population::new(&settings, profiles),
            gateway: Gateway::new(&settings, credentials),
            transient: Picker::new("transient", &settings.faults.transient, 40006),
            call_faults: Mutex::new(CallFaults::new(&settings.faults)),
            asks: Mutex::default(),
            arrivals: AtomicU64::new(0),
            stats: Mutex::default(),
            settings,
        }))
    }

    /// What the emulator knows of accounts, to reconcile an export with.
    pub fn population(&self) -> &Population {
        &self.0.population
    }

    /// The settings in force.
    pub fn settings(&self) -> &Settings {
        &self.0.settings
    }

    /// Most calls of `portrait_get` that any sliding second held, refused ones too.
    pub fn peak_calls_per_second(&self) -> usize {
        self.stats().portrait_get().peak_calls_per_second()
    }

    /// What has been called and answered so far.
    pub fn stats(&self) -> MutexGuard<'_, Stats> {
        self.0.stats.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn credentials(&self) -> &Credentials {
        self.0.gateway.credentials()
    }

    /// What a call meets before its body is read: its command, or the end of it.
    fn arrive(&self, head: RequestLine<'_>, moment: RequestTime) -> Result<Admitted, Reply> {
        if let Some(command) = Command::at(head.path) {
            self.stats().arrive(command, moment.since_start);
        }
        let call = self.0.arrivals.fetch_add(1, Ordering::Relaxed);
        if let Some(reply) = self.window_reply(call, moment.since_start) {
            return Err(self.with_latency(reply, 0));
        }
        self.0.gateway.check(head, self.settings(), moment).map_err(|refusal| {
            let reply = match refusal {
                Refusal::Code(code) => self.refuse((code, None), false),
                Refusal::Http429 => self.http_429(self.settings().rate.retry_after_seconds),
            };
            self.with_latency(reply, 0)
        })
    }

    fn window_reply(&self, call: u64, since_start: Duration) -> Option<Reply> {
        let milliseconds = u64::try_from(since_start.as_millis()).unwrap_or(u64::MAX);
        let faults = &self.settings().faults;
        let window = faults.windows.iter().find(|window| window.holds(call, milliseconds))?;
        Some(match window.kind {
            WindowKind::Outage => self.reply_to_fault(Fault::Reset),
            WindowKind::Throttle => self.reply_to_fault(Fault::Code(60007)),
            WindowKind::Http429 => self.reply_to_fault(Fault::Http429),
            WindowKind::Http503 => self.reply_to_fault(Fault::HttpError(503)),
        })
    }

    /// Answers a call that was let through.
    fn answer(&self, Admitted { command, is_admin }: Admitted, body: &[u8]) -> Reply {
        let answer = match command {
            _ if !is_admin => Err(refuse_non_admin(command, body)),
            Command::PortraitGet => return self.answer_portrait_get(body),
            Command::PortraitSet => portrait_set::portrait_set(self, body),
            Command::AccountImport => account_service::account_import(self, body),
            Command::MultiaccountImport => account_service::multiaccount_import(self, body),
            Command::AccountCheck => account_service::account_check(self, body),
            Command::AccountDelete => account_service::account_delete(self, body),
        };
        let reply = self.reply_with(answer, command.is_of_profile());
        self.with_latency(reply, 0)
    }

    fn answer_portrait_get(&self, body: &[u8]) -> Reply {
        let request = match portrait_get::read(body, self.settings()) {
            Ok(request) => request,
            Err(error) => return self.with_latency(self.refuse(error, true), 0),
        };
        let call = request.hash(self.settings().seed);
        self.stats().ask(request.account_count());
        let fault = self.0.call_faults.lock().unwrap_or_else(PoisonError::into_inner).draw(call);
        let answered = || self.reply_with(portrait_get::answer(self, &request), true);
        let reply = match fault {
            None => answered(),
            Some(
                fault @ (Fault::Hang
                | Fault::Truncated
                | Fault::InvalidUtf8
                | Fault::FailWithCodeZero),
            ) => {
                self.stats().meet(fault);
                self.corrupt_reply(answered(), fault)
            }
            Some(fault) => self.reply_to_fault(fault),
        };
        self.with_latency(reply, call)
    }

    fn reply_with(&self, answer: Result<Vec<u8>, CallError>, is_of_profile: bool) -> Reply {
        match answer {
            Ok(body) => {
                self.stats().answer(0);
                Reply::json(body)
            }
            Err(error) => self.refuse(error, is_of_profile),
        }
    }

    fn refuse(&self, (code, words): CallError, is_of_profile: bool) -> Reply {
        self.stats().answer(code);
        let questions = &self.settings().open_questions;
        Reply::json(answer::status_body(code, words, is_of_profile, questions))
    }

    fn http_429(&self, retry_after_seconds: u32) -> Reply {
        self.stats().meet(Fault::Http429);
        Reply {
            retry_after_seconds: Some(retry_after_seconds),
            ..Reply::text(429, "Too Many Requests")
        }
    }

    /// A reply that takes the place of the answer.
    fn reply_to_fault(&self, fault: Fault) -> Reply {
        let faults = &self.settings().faults;
        match fault {
            Fault::Code(code) => return self.refuse((code, None), true),
            Fault::Http429 => return self.http_429(faults.retry_after_seconds),
            other => self.stats().meet(other),
        }
        match fault {
            Fault::HttpError(status) => {
                Reply::text(status, "<html><body><h1>Bad Gateway</h1></body></html>")
            }
            Fault::Redirect => Reply { location: Some("/elsewhere"), ..Reply::text(302, "") },
            Fault::Garbage => Reply::json(b"<html>{\"UserProfileItem\":[{\"To_Acc".to_vec()),
            Fault::Oversized => Reply::json(reply::oversized_body(faults.oversized_bytes)),
            _ => Reply { wire: Wire::Reset, ..Reply::text(200, "") },
        }
    }

    /// The answer, late, cut off, with a byte that is not UTF-8 or with a status that contradicts its code.
    fn corrupt_reply(&self, reply: Reply, fault: Fault) -> Reply {
        match fault {
            Fault::Hang => {
                let hang = Some(Duration::from_millis(self.settings().faults.hang_ms));
                Reply { hang, ..reply }
            }
            Fault::Truncated => Reply { wire: Wire::Cut, ..reply },
            Fault::FailWithCodeZero => {
                Reply { body: reply::with_failed_status(reply.body), ..reply }
            }
            _ => Reply { body: reply::with_a_bad_byte(reply.body), ..reply },
        }
    }

    fn with_latency(&self, reply: Reply, call: u64) -> Reply {
        let faults = &self.settings().faults;
        let jitter = match faults.latency_jitter_ms {
            0 => 0,
            most => mix(call, salt_of("latency")) % most.saturating_add(1),
        };
        Reply { latency: Duration::from_millis(faults.latency_ms.saturating_add(jitter)), ..reply }
    }

    /// The code with which an account fails for now, if it does; each time counts.
    fn transient_failure(&self, account: &str, hash: u64) -> Option<i64> {
        let code = self.0.transient.code_for(account, hash)?;
        let asks = self.settings().faults.transient_asks;
        self.still_lasts(hash, "transient", asks).then_some(code)
    }

    /// Whether an account's item is left out for now; each time counts.
    fn drops(&self, hash: u64) -> bool {
        let oddities = &self.settings().oddities;
        oddities.drop > 0.0
            && self.population().is_dropped(hash)
            && (oddities.drop_asks == 0 || self.still_lasts(hash, "drop", oddities.drop_asks))
    }

    /// How this answer contradicts itself about an account, if it does; each time counts.
    fn contradiction(&self, hash: u64) -> Option<Contradiction> {
        let contradictions = self.population().contradictions();
        let contradiction = contradictions.of(hash)?;
        let lasts = match contradictions.asks() {
            None => true,
            Some(asks) => self.still_lasts(hash, "contradiction", asks),
        };
        lasts.then_some(contradiction)
    }

    fn still_lasts(&self, hash: u64, purpose: &str, most: u32) -> bool {
        let mut asks = self.0.asks.lock().unwrap_or_else(PoisonError::into_inner);
        let count = asks.entry(mix(hash, salt_of(purpose))).or_insert(0);
        let lasts = *count < most;
        if lasts {
            *count += 1;
        }
        lasts
    }
}

/// What the service itself tells a caller that is not an administrator, once the body is JSON.
fn refuse_non_admin(command: Command, body: &[u8]) -> CallError {
    let code = match command.is_of_profile() {
        _ if !request_body::is_json(body) => 60003,
        true => 40004,
        false => 70403,
    };
    (code, None)
}

#[cfg(test)]
impl Emulator {
    /// An emulator with the built-in credentials and the settings of a TOML text.
    fn for_test(toml: &str, profiles: Profiles) -> Emulator {
        let settings: Settings = toml::from_str(toml).unwrap();
        assert_eq!(settings.check(), Ok(()));
        Emulator::new(settings, Credentials::built_in(), profiles)
    }
}

#[cfg(test)]
mod tests;
