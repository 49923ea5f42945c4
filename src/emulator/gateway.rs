//! The checks that come before any command, in the order of `docs/im-rest-api.md` section 5:
//! method and URL with `random`, command, SDKAppID, content type, identifier, UserSig, administrator, rate. The body
//! comes after them.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::command::Command;
use super::profiles::is_account;
use super::query::{Query, decimal};
use super::rate::RateWindow;
use super::settings::{NotAdmin, OverLimit, Settings};
use crate::api::usersig::{self, SecretKey};

/// Whom the emulator lets in.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// The app.
    pub sdkappid: u64,
    /// Its administrators.
    pub admins: Vec<String>,
    /// Its secret key.
    pub secret_key: SecretKey,
}

/// Why a call is not let through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// HTTP 200 with this code.
    Code(i64),
    /// HTTP 429 with `Retry-After`.
    Http429,
}

/// A call that passed the checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Admitted {
    pub(super) command: Command,
    /// False only where the service itself checks that, `open_questions.not_admin`.
    pub(super) is_admin: bool,
}

/// The first line of a request, in parts.
#[derive(Debug, Clone, Copy)]
pub(super) struct RequestLine<'r> {
    pub(super) method: &'r str,
    pub(super) path: &'r str,
    pub(super) query: &'r str,
}

/// When a call came.
#[derive(Debug, Clone, Copy)]
pub(super) struct RequestTime {
    pub(super) since_start: Duration,
    pub(super) unix_seconds: u64,
}

#[derive(Debug)]
struct Counts {
    windows: [RateWindow; Command::ALL.len()],
    day: u64,
    calls_of_day: u64,
    called_expired: u64,
}

/// The checks and what they count.
#[derive(Debug)]
pub(super) struct Gateway {
    credentials: Credentials,
    counts: Mutex<Counts>,
}

const DAY_SECONDS: u64 = 24 * 60 * 60;

impl Gateway {
    pub(super) fn new(settings: &Settings, credentials: Credentials) -> Gateway {
        let windows = Command::ALL
            .map(|command| RateWindow::new(command.limit(settings), settings.rate.window));
        let counts = Counts { windows, day: 0, calls_of_day: 0, called_expired: 0 };
        Gateway { credentials, counts: Mutex::new(counts) }
    }

    pub(super) fn credentials(&self) -> &Credentials {
        &self.credentials
    }

    /// Lets a call through to its command, or says why not.
    pub(super) fn check(
        &self,
        head: RequestLine<'_>,
        settings: &Settings,
        moment: RequestTime,
    ) -> Result<Admitted, Refusal> {
        let is_well_formed = head.method == "POST" && head.path.starts_with('/');
        let query = Query::parse(head.query)
            .filter(|query| is_well_formed && query.has_random())
            .ok_or(Refusal::Code(60002))?;
        let command = Command::at(head.path).ok_or(Refusal::Code(60009))?;
        self.check_parameters(&query)?;
        let is_admin = if settings.open_questions.rate_before_usersig {
            self.check_rate(command, settings, moment)?;
            self.check_caller(&query, settings, moment)?
        } else {
            let is_admin = self.check_caller(&query, settings, moment)?;
            self.check_rate(command, settings, moment)?;
            is_admin
        };
        Ok(Admitted { command, is_admin })
    }

    fn check_parameters(&self, query: &Query<'_>) -> Result<(), Refusal> {
        let sdkappid = query.get("sdkappid");
        if sdkappid.is_empty() {
            return Err(Refusal::Code(60012));
        }
        if decimal(sdkappid) != Some(self.credentials.sdkappid) {
            return Err(Refusal::Code(60006));
        }
        if query.get("contenttype") != "json" || !is_account(query.get("identifier")) {
            return Err(Refusal::Code(60025));
        }
        Ok(())
    }

    /// Whether the caller is an administrator; refuses who is none, unless the service is to do so.
    fn check_caller(
        &self,
        query: &Query<'_>,
        settings: &Settings,
        moment: RequestTime,
    ) -> Result<bool, Refusal> {
        let identifier = query.get("identifier");
        self.check_usersig(query.get("usersig"), identifier, settings, moment.unix_seconds)
            .map_err(Refusal::Code)?;
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.called_expired < settings.faults.usersig_expired_calls {
            counts.called_expired += 1;
            return Err(Refusal::Code(70001));
        }
        let is_admin = self.credentials.admins.iter().any(|admin| admin == identifier);
        match settings.open_questions.not_admin {
            NotAdmin::Gateway if !is_admin => Err(Refusal::Code(60010)),
            NotAdmin::Gateway | NotAdmin::Service => Ok(is_admin),
        }
    }

    /// The order of the official Go verifier, with the codes of `docs/im-rest-api.md` section 2.
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
        let questions = &settings.open_questions;
        if claims.sdkappid != self.credentials.sdkappid {
            return Err(70014);
        }
        if !claims.has_base64_sig() {
            return Err(questions.sig_not_base64);
        }
        if claims.identifier != identifier {
            return Err(70013);
        }
        let is_signed = claims.is_signed_by(&self.credentials.secret_key);
        if !is_signed && questions.signature_before_expiry {
            return Err(70009);
        }
        let is_too_early = questions
            .clock_skew_seconds
            .is_some_and(|skew| claims.time > unix_seconds.saturating_add(skew));
        if unix_seconds > claims.expires_at() || is_too_early {
            return Err(70001);
        }
        let is_unexpected = claims.has_userbuf() && questions.refuse_userbuf;
        if is_signed && !is_unexpected { Ok(()) } else { Err(70009) }
    }

    fn check_rate(
        &self,
        command: Command,
        settings: &Settings,
        moment: RequestTime,
    ) -> Result<(), Refusal> {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if !counts.windows[command as usize].admit(moment.since_start) {
            return Err(match settings.rate.answer {
                OverLimit::Code => Refusal::Code(60007),
                OverLimit::Http429 => Refusal::Http429,
            });
        }
        let day = moment.since_start.as_secs() / DAY_SECONDS;
        if day != counts.day {
            (counts.day, counts.calls_of_day) = (day, 0);
        }
        counts.calls_of_day += 1;
        let calls_per_day = settings.rate.calls_per_day;
        if calls_per_day > 0 && counts.calls_of_day > calls_per_day {
            return Err(Refusal::Code(60028));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
