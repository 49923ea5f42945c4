//! `[api]`: which service, on whose behalf, how fast.

use std::time::Duration;

use super::secret_source;
use crate::api::endpoint::{Endpoint, EndpointError};
use crate::job::error::{KeyError, quoted};
use crate::job::file::ApiFile;
use crate::job::settings::{ApiSettings, Target};
use crate::job::validate::Context;
use crate::job::values::{duration, format_duration, non_empty, whole_number};

/// The app of the emulator in the process when the job names none.
const EMULATOR_SDKAPPID: u64 = 1_400_000_000;
/// The administrator that every app has (`docs/im-rest-api.md` section 6).
pub const DEFAULT_IDENTIFIER: &str = "administrator";
/// Maximum length of an account, and so of the identifier.
pub const MAX_IDENTIFIER_BYTES: usize = 32;
/// The service's default limit for `portrait_get`.
pub const DEFAULT_CALLS_PER_SECOND: u32 = 200;
/// The default limit and 98 packs of 100 more; no app is known to have as much.
pub const MAX_CALLS_PER_SECOND: u32 = 10_000;
pub const DEFAULT_MAX_IN_FLIGHT: usize = 64;
/// Each call may need a connection, and nearly every system allows a process this many open files.
pub const MAX_IN_FLIGHT: usize = 4096;
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);
/// The service responds or reports a timeout within 3 s; a shorter timeout would hide which (REST overview).
const SERVICE_TIMEOUT: Duration = Duration::from_secs(3);
const MAX_TIMEOUT: Duration = Duration::from_mins(5);

pub fn validate(file: &ApiFile, context: &Context) -> Result<ApiSettings, KeyError> {
    let target = target(file)?;
    Ok(ApiSettings {
        sdkappid: sdkappid(file.sdkappid, &target)?,
        identifier: identifier(file.identifier.as_deref())?,
        secret: secret_source::validate(file, &target, context)?,
        calls_per_second: calls_per_second(file.calls_per_second, &target)?,
        max_in_flight: whole_number(
            "api.max_in_flight",
            file.max_in_flight,
            DEFAULT_MAX_IN_FLIGHT,
            1..=MAX_IN_FLIGHT,
        )?,
        timeout: timeout(file, &target)?,
        target,
    })
}

fn target(file: &ApiFile) -> Result<Target, KeyError> {
    ensure_at_most_one(&[
        ("api.emulator", file.emulator == Some(true)),
        ("api.region", file.region.is_some()),
        ("api.base_url", file.base_url.is_some()),
    ])?;
    let at = |key: &str, endpoint: Result<Endpoint, EndpointError>| {
        endpoint.map(Target::Endpoint).map_err(|error| KeyError::new(key, error.to_string()))
    };
    match (file.emulator, &file.region, &file.base_url) {
        (Some(true), _, _) => Ok(Target::Emulator),
        (_, Some(region), _) => at("api.region", Endpoint::of_region(region)),
        (_, _, Some(base_url)) => at("api.base_url", Endpoint::at_base_url(base_url)),
        (_, None, None) => Err(KeyError::new(
            "api.region",
            "is missing; write one of: region = \"singapore\" (or another), base_url = \"https://...\", \
             emulator = true",
        )),
    }
}

/// Refuses the second of several keys that exclude one another.
pub fn ensure_at_most_one(choices: &[(&str, bool)]) -> Result<(), KeyError> {
    let given: Vec<&str> =
        choices.iter().filter(|(_, given)| *given).map(|(key, _)| *key).collect();
    match given[..] {
        [first, second, ..] => Err(KeyError::new(
            second,
            format!("is set together with {first}, but only one of them is allowed; remove one"),
        )),
        _ => Ok(()),
    }
}

fn sdkappid(number: Option<i64>, target: &Target) -> Result<u64, KeyError> {
    const KEY: &str = "api.sdkappid";
    const FIX: &str = "write the SDKAppID that the console shows for the app";
    match (number.map(u64::try_from), target) {
        (None, Target::Emulator) => Ok(EMULATOR_SDKAPPID),
        (None, Target::Endpoint(_)) => Err(KeyError::new(KEY, format!("is missing; {FIX}"))),
        (Some(Ok(sdkappid @ 1..)), _) => Ok(sdkappid),
        (Some(_), _) => Err(KeyError::new(KEY, format!("is not a positive number; {FIX}"))),
    }
}

fn identifier(text: Option<&str>) -> Result<String, KeyError> {
    const KEY: &str = "api.identifier";
    const FIX: &str = "the account of an app administrator, such as \"administrator\"";
    let text = non_empty(KEY, text.unwrap_or(DEFAULT_IDENTIFIER), FIX)?;
    let is_printable = text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    if text.len() > MAX_IDENTIFIER_BYTES || !is_printable {
        return Err(KeyError::new(
            KEY,
            format!(
                "is {}, but an account has at most {MAX_IDENTIFIER_BYTES} bytes of printable ASCII; write {FIX}",
                quoted(text)
            ),
        ));
    }
    Ok(text.to_owned())
}

fn calls_per_second(number: Option<i64>, target: &Target) -> Result<u32, KeyError> {
    const KEY: &str = "api.calls_per_second";
    match number {
        Some(0) if target.is_on_this_machine() => Ok(0),
        Some(0) => Err(KeyError::new(
            KEY,
            format!(
                "is 0 (no limit), which is only allowed with the emulator or a loopback base_url, because the \
                 service rejects calls above the app's limit; write a number from 1 to {MAX_CALLS_PER_SECOND}"
            ),
        )),
        _ => whole_number(KEY, number, DEFAULT_CALLS_PER_SECOND, 1..=MAX_CALLS_PER_SECOND),
    }
}

fn timeout(file: &ApiFile, target: &Target) -> Result<Duration, KeyError> {
    const KEY: &str = "api.timeout";
    let timeout = duration(KEY, file.timeout.as_ref(), DEFAULT_TIMEOUT, MAX_TIMEOUT)?;
    if timeout > SERVICE_TIMEOUT || target.is_on_this_machine() {
        return Ok(timeout);
    }
    Err(KeyError::new(
        KEY,
        format!(
            "is \"{}\", but the service itself takes up to {} to respond or to report a timeout; write a longer \
             duration, such as \"10s\"",
            format_duration(timeout),
            format_duration(SERVICE_TIMEOUT)
        ),
    ))
}
