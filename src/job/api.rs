//! `[api]`: which service, in whose name, how fast.

use std::path::PathBuf;
use std::time::Duration;

use super::check::Context;
use super::error::{Refusal, shown};
use super::file::ApiFile;
use super::values::{duration, non_empty, path, whole_number, written};
use super::{ApiSettings, SecretSource, Target, secret};
use crate::api::endpoint::{Endpoint, EndpointError};

/// What the emulator in the process takes when the job names no app.
const EMULATOR_SDKAPPID: u64 = 1_400_000_000;
/// The administrator that every app has (`docs/im-rest-api.md` section 6).
pub const DEFAULT_IDENTIFIER: &str = "administrator";
/// Longest account in bytes, and so the longest identifier.
pub(super) const MAX_IDENTIFIER_BYTES: usize = 32;
/// The service's default limit for `portrait_get`.
pub(super) const DEFAULT_CALLS_PER_SECOND: u32 = 200;
/// The default limit and 98 packs of 100 more; no app is known to have as much.
pub(super) const MAX_CALLS_PER_SECOND: u32 = 10_000;
pub(super) const DEFAULT_MAX_IN_FLIGHT: usize = 64;
/// A connection each may be needed, and a process may have that many open files almost everywhere.
pub(super) const MAX_IN_FLIGHT: usize = 4096;
pub(super) const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);
/// The service answers or gives up within 3 s; a caller that leaves first never learns which (REST overview).
const SERVICE_TIMEOUT: Duration = Duration::from_secs(3);
const MAX_TIMEOUT: Duration = Duration::from_mins(5);

pub(super) fn check(file: &ApiFile, context: &Context) -> Result<ApiSettings, Refusal> {
    let target = target(file)?;
    Ok(ApiSettings {
        sdkappid: sdkappid(file.sdkappid, &target)?,
        identifier: identifier(file.identifier.as_deref())?,
        secret: secret_source(file, &target, context)?,
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

fn target(file: &ApiFile) -> Result<Target, Refusal> {
    ensure_at_most_one(&[
        ("api.emulator", file.emulator == Some(true)),
        ("api.region", file.region.is_some()),
        ("api.base_url", file.base_url.is_some()),
    ])?;
    let at = |key: &str, endpoint: Result<Endpoint, EndpointError>| {
        endpoint.map(Target::Endpoint).map_err(|error| Refusal::new(key, error.to_string()))
    };
    match (file.emulator, &file.region, &file.base_url) {
        (Some(true), _, _) => Ok(Target::Emulator),
        (_, Some(region), _) => at("api.region", Endpoint::of_region(region)),
        (_, _, Some(base_url)) => at("api.base_url", Endpoint::at_base_url(base_url)),
        (_, None, None) => Err(Refusal::new(
            "api.region",
            "is missing; write one of: region = \"singapore\" (or another), base_url = \"https://...\", \
             emulator = true",
        )),
    }
}

/// Of keys that exclude one another, refuses the second.
fn ensure_at_most_one(choices: &[(&str, bool)]) -> Result<(), Refusal> {
    let given: Vec<&str> =
        choices.iter().filter(|(_, given)| *given).map(|(key, _)| *key).collect();
    match given[..] {
        [first, second, ..] => Err(Refusal::new(
            second,
            format!("is set beside {first}, and only one of them can hold; take one out"),
        )),
        _ => Ok(()),
    }
}

fn sdkappid(number: Option<i64>, target: &Target) -> Result<u64, Refusal> {
    const KEY: &str = "api.sdkappid";
    const FIX: &str = "write the SDKAppID that the console shows for the app";
    match (number.map(u64::try_from), target) {
        (None, Target::Emulator) => Ok(EMULATOR_SDKAPPID),
        (None, Target::Endpoint(_)) => Err(Refusal::new(KEY, format!("is missing; {FIX}"))),
        (Some(Ok(sdkappid @ 1..)), _) => Ok(sdkappid),
        (Some(_), _) => Err(Refusal::new(KEY, format!("is not above 0; {FIX}"))),
    }
}

fn identifier(text: Option<&str>) -> Result<String, Refusal> {
    const KEY: &str = "api.identifier";
    const FIX: &str = "the account of an app administrator, such as \"administrator\"";
    let text = non_empty(KEY, text.unwrap_or(DEFAULT_IDENTIFIER), FIX)?;
    let is_printable = text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    if text.len() > MAX_IDENTIFIER_BYTES || !is_printable {
        return Err(Refusal::new(
            KEY,
            format!(
                "is {}, but an account has at most {MAX_IDENTIFIER_BYTES} bytes of printable ASCII; write {FIX}",
                shown(text)
            ),
        ));
    }
    Ok(text.to_owned())
}

/// With the emulator a source may be given, and is checked but not read: the emulator makes its own key, so that a
/// job for a real region can be tried with `--set api.emulator=true` on a machine that has no secret.
fn secret_source(
    file: &ApiFile,
    target: &Target,
    context: &Context,
) -> Result<SecretSource, Refusal> {
    ensure_at_most_one(&[
        ("api.secret_key_env", file.secret_key_env.is_some()),
        ("api.secret_key_file", file.secret_key_file.is_some()),
        ("api.usersig_env", file.usersig_env.is_some()),
    ])?;
    let given = match (&file.secret_key_env, &file.secret_key_file, &file.usersig_env) {
        (Some(name), _, _) => {
            Some(SecretSource::KeyEnv(variable_name("api.secret_key_env", name)?))
        }
        (_, Some(text), _) => Some(SecretSource::KeyFile(key_file(text, context)?)),
        (_, _, Some(name)) => {
            Some(SecretSource::UserSigEnv(variable_name("api.usersig_env", name)?))
        }
        (None, None, None) => None,
    };
    match (target, given) {
        (Target::Emulator, _) => Ok(SecretSource::EmulatorKey),
        (Target::Endpoint(_), Some(source)) => Ok(source),
        (Target::Endpoint(_), None) => Err(Refusal::new(
            "api.secret_key_env",
            "is missing; write the name of the environment variable that holds the secret key, or write \
             secret_key_file or usersig_env instead",
        )),
    }
}

fn key_file(text: &str, context: &Context) -> Result<PathBuf, Refusal> {
    const KEY: &str = "api.secret_key_file";
    ensure_not_the_secret(KEY, text)?;
    non_empty(KEY, text, "the path of the file that holds the secret key")?;
    path(KEY, text, context)
}

/// POSIX names of environment variables. The text is not repeated: it may be the secret.
fn variable_name(key: &str, name: &str) -> Result<String, Refusal> {
    ensure_not_the_secret(key, name)?;
    let is_name = !name.starts_with(|first: char| first.is_ascii_digit())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && !name.is_empty();
    if !is_name {
        return Err(Refusal::new(
            key,
            "is not the name of an environment variable; write one of letters, digits and _, such as IM_SECRET_KEY",
        ));
    }
    Ok(name.to_owned())
}

fn ensure_not_the_secret(key: &str, text: &str) -> Result<(), Refusal> {
    if !secret::looks_like_one(text) {
        return Ok(());
    }
    Err(Refusal::new(
        key,
        "looks like the secret itself; write the name of the variable or file that holds it",
    ))
}

fn calls_per_second(number: Option<i64>, target: &Target) -> Result<u32, Refusal> {
    const KEY: &str = "api.calls_per_second";
    match number {
        Some(0) if target.is_on_this_machine() => Ok(0),
        Some(0) => Err(Refusal::new(
            KEY,
            format!(
                "is 0, which means no limit and is only for the emulator or a loopback base_url, since the service \
                 refuses what is above the app's limit; write a number from 1 to {MAX_CALLS_PER_SECOND}"
            ),
        )),
        _ => whole_number(KEY, number, DEFAULT_CALLS_PER_SECOND, 1..=MAX_CALLS_PER_SECOND),
    }
}

fn timeout(file: &ApiFile, target: &Target) -> Result<Duration, Refusal> {
    const KEY: &str = "api.timeout";
    let timeout = duration(KEY, file.timeout.as_ref(), DEFAULT_TIMEOUT, MAX_TIMEOUT)?;
    if timeout > SERVICE_TIMEOUT || target.is_on_this_machine() {
        return Ok(timeout);
    }
    Err(Refusal::new(
        KEY,
        format!(
            "is \"{}\", but the service itself takes up to {} to answer or to report a timeout; write a longer \
             one, such as \"10s\"",
            written(timeout),
            written(SERVICE_TIMEOUT)
        ),
    ))
}
