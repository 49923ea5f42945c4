//! The path of one call: admission, command or fault, reply.

use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::draw::{mix, salt, seeded_hash};
use super::faults::InjectedFault;
use super::gateway::{AdmittedCall, Rejection, RequestLine, RequestTime};
use super::http_reply::{self, Delivery, HttpReply};
use super::service_command::ServiceCommand;
use super::service_error::ServiceError;
use super::settings::FaultWindowKind;
use super::{Emulator, account_service, portrait_get, portrait_set, request_body, response_body};

impl Emulator {
    /// Counts a call as it was sent, before the delay of the request.
    pub(super) fn record_call(&self, line: RequestLine<'_>, since_start: Duration) {
        if let Some(command) = ServiceCommand::from_path(line.path) {
            self.stats().record_call(command, since_start);
        }
    }

    /// Checks a call before its body: the admitted command, or the reply that refuses the call.
    pub(super) fn admit(
        &self,
        line: RequestLine<'_>,
        time: RequestTime,
    ) -> Result<AdmittedCall, HttpReply> {
        let call = self.0.calls.fetch_add(1, Ordering::Relaxed);
        let milliseconds = u64::try_from(time.since_start.as_millis()).unwrap_or(u64::MAX);
        let windows = self.settings().faults.windows.iter();
        let mut limit = None;
        for window in windows.filter(|window| window.contains(call, milliseconds)) {
            let fault = match window.kind {
                FaultWindowKind::Outage => InjectedFault::Reset,
                FaultWindowKind::Throttle => InjectedFault::Code(60007),
                FaultWindowKind::Http429 => InjectedFault::Http429,
                FaultWindowKind::Http503 => InjectedFault::HttpError(503),
                FaultWindowKind::Limit => {
                    limit.get_or_insert(window.calls_per_second);
                    continue;
                }
            };
            return Err(self.fault_reply(fault));
        }
        let checked = self.0.gateway.check(line, self.settings(), time, limit);
        checked.map_err(|rejection| match rejection {
            Rejection::Code(code) => self.error_reply(code.into(), false),
            Rejection::Http429 => self.http_429(self.settings().rate.retry_after_seconds),
        })
    }

    /// Responds to an admitted call.
    pub(super) fn respond(&self, call: AdmittedCall, body: &[u8]) -> HttpReply {
        let AdmittedCall { command, is_admin } = call;
        let result = match command {
            _ if !is_admin => Err(non_admin_error(command, body)),
            ServiceCommand::PortraitGet => return self.respond_to_portrait_get(body),
            ServiceCommand::PortraitSet => portrait_set::portrait_set(self, body),
            ServiceCommand::AccountImport => account_service::account_import(self, body),
            ServiceCommand::MultiaccountImport => account_service::multiaccount_import(self, body),
            ServiceCommand::AccountCheck => account_service::account_check(self, body),
            ServiceCommand::AccountDelete => account_service::account_delete(self, body),
        };
        self.reply_to(result, command.is_profile_command())
    }

    fn respond_to_portrait_get(&self, body: &[u8]) -> HttpReply {
        let request = match portrait_get::read(body, self.settings()) {
            Ok(request) => request,
            Err(error) => return self.error_reply(error, true),
        };
        let call = request.hash(self.settings().seed);
        self.stats().record_requested_accounts(request.account_count());
        let fault = self.0.call_faults.lock().unwrap_or_else(PoisonError::into_inner).draw(call);
        let respond = || self.reply_to(portrait_get::respond(self, &request), true);
        match fault {
            None => respond(),
            Some(
                fault @ (InjectedFault::Hang
                | InjectedFault::Truncated
                | InjectedFault::InvalidUtf8
                | InjectedFault::FailWithCodeZero),
            ) => {
                self.stats().record_fault(fault);
                self.corrupt_reply(respond(), fault)
            }
            Some(fault) => self.fault_reply(fault),
        }
    }

    fn reply_to(
        &self,
        result: Result<Vec<u8>, ServiceError>,
        is_profile_command: bool,
    ) -> HttpReply {
        match result {
            Ok(body) => {
                self.stats().record_response(0);
                HttpReply::json(body)
            }
            Err(error) => self.error_reply(error, is_profile_command),
        }
    }

    /// HTTP 200 with an error code.
    pub(super) fn error_reply(&self, error: ServiceError, is_profile_command: bool) -> HttpReply {
        self.stats().record_response(error.code);
        let behavior = &self.settings().undocumented_behavior;
        HttpReply::json(response_body::status_body(error, is_profile_command, behavior))
    }

    fn http_429(&self, retry_after_seconds: u32) -> HttpReply {
        self.stats().record_fault(InjectedFault::Http429);
        HttpReply {
            retry_after_seconds: Some(retry_after_seconds),
            ..HttpReply::text(429, "Too Many Requests")
        }
    }

    /// The reply of a fault that replaces the response.
    fn fault_reply(&self, fault: InjectedFault) -> HttpReply {
        let faults = &self.settings().faults;
        match fault {
            InjectedFault::Code(code) => return self.error_reply(code.into(), true),
            InjectedFault::Http429 => return self.http_429(faults.retry_after_seconds),
            other => self.stats().record_fault(other),
        }
        match fault {
            InjectedFault::HttpError(status) => {
                HttpReply::text(status, "<html><body><h1>Bad Gateway</h1></body></html>")
            }
            InjectedFault::Redirect => {
                HttpReply { location: Some("/elsewhere"), ..HttpReply::text(302, "") }
            }
            InjectedFault::Garbage => {
                HttpReply::json(b"<html>{\"UserProfileItem\":[{\"To_Acc".to_vec())
            }
            InjectedFault::Oversized => {
                HttpReply::json(http_reply::oversized_body(faults.oversized_bytes))
            }
            _ => HttpReply { delivery: Delivery::Reset, ..HttpReply::text(200, "") },
        }
    }

    /// The response, damaged by a fault that needs one.
    fn corrupt_reply(&self, reply: HttpReply, fault: InjectedFault) -> HttpReply {
        match fault {
            InjectedFault::Hang => {
                let hang = Some(Duration::from_millis(self.settings().faults.hang_ms));
                HttpReply { hang, ..reply }
            }
            InjectedFault::Truncated => HttpReply { delivery: Delivery::Truncated, ..reply },
            InjectedFault::FailWithCodeZero => {
                HttpReply { body: http_reply::with_failed_status(reply.body), ..reply }
            }
            _ => HttpReply { body: http_reply::with_invalid_utf8(reply.body), ..reply },
        }
    }

    /// How long a request is on its way.
    pub(super) fn request_delay(&self, body: &[u8]) -> Duration {
        self.jitter(body, "request", self.settings().faults.request_jitter_ms)
    }

    /// How long the response to a request is on its way.
    pub(super) fn response_delay(&self, body: &[u8]) -> Duration {
        let faults = &self.settings().faults;
        let jitter = self.jitter(body, "response", faults.response_jitter_ms);
        Duration::from_millis(faults.latency_ms).saturating_add(jitter)
    }

    /// A delay that depends on the seed and the request alone.
    fn jitter(&self, body: &[u8], direction: &str, max_ms: u64) -> Duration {
        if max_ms == 0 {
            return Duration::ZERO;
        }
        let drawn = mix(seeded_hash(self.settings().seed, body), salt(direction));
        Duration::from_micros(drawn % max_ms.saturating_mul(1_000).saturating_add(1))
    }
}

/// The error of the service behind the gateway for a caller that is not an administrator.
fn non_admin_error(command: ServiceCommand, body: &[u8]) -> ServiceError {
    let code = match command.is_profile_command() {
        _ if !request_body::is_json(body) => 60003,
        true => 40004,
        false => 70403,
    };
    code.into()
}

#[cfg(test)]
mod tests;
