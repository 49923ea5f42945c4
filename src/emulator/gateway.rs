//! The checks before every command, in the order of `docs/im-rest-api.md`: method and URL with `random`, command,
//! SDKAppID, content type, identifier, UserSig, administrator, rate. The body is checked after them.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::profiles::is_account;
use super::query::{Query, decimal};
use super::rate::RateWindow;
use super::service_command::ServiceCommand;
use super::settings::{NotAdmin, OverLimitResponse, Settings};
use crate::api::usersig::{self, SecretKey};

/// Credentials that the emulator accepts.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// SDKAppID of the app.
    pub sdkappid: u64,
    /// Administrators of the app.
    pub admins: Vec<String>,
    /// Secret key of the app.
    pub secret_key: SecretKey,
}

/// A call that failed a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rejection {
    /// HTTP 200 with this code.
    Code(i64),
    /// HTTP 429 with `Retry-After`.
    Http429,
}

/// A call that passed the checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AdmittedCall {
    pub command: ServiceCommand,
    /// False only if the service checks this itself (`open_questions.not_admin`).
    pub is_admin: bool,
}

/// The first line of a request.
#[derive(Debug, Clone, Copy)]
pub struct RequestLine<'r> {
    pub method: &'r str,
    pub path: &'r str,
    pub query: &'r str,
}

/// The time at which a call arrived.
#[derive(Debug, Clone, Copy)]
pub struct RequestTime {
    pub since_start: Duration,
    pub unix_seconds: u64,
}

#[derive(Debug)]
struct GatewayCounters {
    windows: [RateWindow; ServiceCommand::ALL.len()],
    day: u64,
    calls_today: u64,
    expired_calls: u64,
}

/// The checks and their counters.
#[derive(Debug)]
pub struct Gateway {
    credentials: Credentials,
    counters: Mutex<GatewayCounters>,
}

const DAY_SECONDS: u64 = 24 * 60 * 60;

impl Gateway {
    pub fn new(settings: &Settings, credentials: Credentials) -> Gateway {
        let windows = ServiceCommand::ALL.map(|_| RateWindow::new(settings.rate.window));
        let counters = GatewayCounters { windows, day: 0, calls_today: 0, expired_calls: 0 };
        Gateway { credentials, counters: Mutex::new(counters) }
    }

    pub fn credentials(&self) -> &Credentials {
        &self.credentials
    }

    /// Admits a call to its command, or rejects it with the first check that fails. `limit` replaces that of the settings.
    pub fn check(
        &self,
        line: RequestLine<'_>,
        settings: &Settings,
        time: RequestTime,
        limit: Option<u32>,
    ) -> Result<AdmittedCall, Rejection> {
        let is_well_formed = line.method == "POST" && line.path.starts_with('/');
        let query = Query::parse(line.query)
            .filter(|query| is_well_formed && query.has_random())
            .ok_or(Rejection::Code(60002))?;
        let command = ServiceCommand::from_path(line.path).ok_or(Rejection::Code(60009))?;
        self.check_parameters(&query)?;
        let limit = limit.unwrap_or_else(|| command.rate_limit(settings));
        let is_admin = if settings.undocumented_behavior.rate_before_usersig {
            self.check_rate(command, limit, settings, time)?;
            self.check_caller(&query, settings, time)?
        } else {
            let is_admin = self.check_caller(&query, settings, time)?;
            self.check_rate(command, limit, settings, time)?;
            is_admin
        };
        Ok(AdmittedCall { command, is_admin })
    }

    fn check_parameters(&self, query: &Query<'_>) -> Result<(), Rejection> {
        let sdkappid = query.get("sdkappid");
        if sdkappid.is_empty() {
            return Err(Rejection::Code(60012));
        }
        if decimal(sdkappid) != Some(self.credentials.sdkappid) {
            return Err(Rejection::Code(60006));
        }
        if query.get("contenttype") != "json" || !is_account(query.get("identifier")) {
            return Err(Rejection::Code(60025));
        }
        Ok(())
    }

    /// Whether the caller is an administrator. Rejects any other caller, unless the service checks this itself.
    fn check_caller(
        &self,
        query: &Query<'_>,
        settings: &Settings,
        time: RequestTime,
    ) -> Result<bool, Rejection> {
        let identifier = query.get("identifier");
        self.check_usersig(query.get("usersig"), identifier, settings, time.unix_seconds)
            .map_err(Rejection::Code)?;
        let mut counters = self.counters.lock().unwrap_or_else(PoisonError::into_inner);
        if counters.expired_calls < settings.faults.usersig_expired_calls {
            counters.expired_calls += 1;
            return Err(Rejection::Code(70001));
        }
        let is_admin = self.credentials.admins.iter().any(|admin| admin == identifier);
        match settings.undocumented_behavior.not_admin {
            NotAdmin::Gateway if !is_admin => Err(Rejection::Code(60010)),
            NotAdmin::Gateway | NotAdmin::Service => Ok(is_admin),
        }
    }

    /// Checks in the order of the official Go verifier, with the codes of `docs/im-rest-api.md`.
    fn check_usersig(
        &self,
        sig: &str,
        identifier: &str,
        settings: &Settings,
        unix_seconds: u64,
    ) -> Result<(), i64> {
        if sig.is_empty() {
            return Err(70002);
        }
        let claims = usersig::decode(sig).map_err(|_| 70003)?;
        let behavior = &settings.undocumented_behavior;
        if claims.sdkappid != self.credentials.sdkappid {
            return Err(70014);
        }
        if !claims.has_base64_sig() {
            return Err(behavior.sig_not_base64);
        }
        if claims.identifier != identifier {
            return Err(70013);
        }
        let is_signed = claims.is_signed_by(&self.credentials.secret_key);
        if !is_signed && behavior.signature_before_expiry {
            return Err(70009);
        }
        let is_too_early = behavior
            .clock_skew_seconds
            .is_some_and(|skew| claims.time > unix_seconds.saturating_add(skew));
        if unix_seconds > claims.expires_at() || is_too_early {
            return Err(70001);
        }
        let is_unexpected = claims.has_userbuf() && behavior.refuse_userbuf;
        if is_signed && !is_unexpected { Ok(()) } else { Err(70009) }
    }

    fn check_rate(
        &self,
        command: ServiceCommand,
        limit: u32,
        settings: &Settings,
        time: RequestTime,
    ) -> Result<(), Rejection> {
        let mut counters = self.counters.lock().unwrap_or_else(PoisonError::into_inner);
        if !counters.windows[command as usize].admit(time.since_start, limit) {
            return Err(match settings.rate.answer {
                OverLimitResponse::Code => Rejection::Code(60007),
                OverLimitResponse::Http429 => Rejection::Http429,
            });
        }
        let day = time.since_start.as_secs() / DAY_SECONDS;
        if day != counters.day {
            (counters.day, counters.calls_today) = (day, 0);
        }
        counters.calls_today += 1;
        let calls_per_day = settings.rate.calls_per_day;
        if calls_per_day > 0 && counters.calls_today > calls_per_day {
            return Err(Rejection::Code(60028));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
