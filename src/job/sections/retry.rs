//! `[retry]`: when and how long to retry.

use std::time::Duration;

use crate::job::error::KeyError;
use crate::job::file::RetryFile;
use crate::job::settings::RetrySettings;
use crate::job::values::{duration, format_duration, whole_number};

pub const DEFAULT_MAX_ATTEMPTS: u32 = 6;
/// An account that fails more often than this fails permanently.
pub const MAX_ATTEMPTS: u32 = 100;
pub const DEFAULT_INITIAL_BACKOFF: Duration = Duration::from_millis(500);
pub const DEFAULT_MAX_BACKOFF: Duration = Duration::from_secs(30);
const MAX_BACKOFF: Duration = Duration::from_hours(1);
pub const DEFAULT_OUTAGE_PATIENCE: Duration = Duration::from_mins(30);
/// A week. For longer waits, a scheduler that runs the job again is the better tool.
const MAX_OUTAGE_PATIENCE: Duration = Duration::from_hours(7 * 24);

pub fn validate(file: &RetryFile) -> Result<RetrySettings, KeyError> {
    let settings = RetrySettings {
        max_attempts: whole_number(
            "retry.max_attempts",
            file.max_attempts,
            DEFAULT_MAX_ATTEMPTS,
            1..=MAX_ATTEMPTS,
        )?,
        initial_backoff: duration(
            "retry.initial_backoff",
            file.initial_backoff.as_ref(),
            DEFAULT_INITIAL_BACKOFF,
            MAX_BACKOFF,
        )?,
        max_backoff: duration(
            "retry.max_backoff",
            file.max_backoff.as_ref(),
            DEFAULT_MAX_BACKOFF,
            MAX_BACKOFF,
        )?,
        outage_patience: duration(
            "retry.outage_patience",
            file.outage_patience.as_ref(),
            DEFAULT_OUTAGE_PATIENCE,
            MAX_OUTAGE_PATIENCE,
        )?,
    };
    ensure_backoff_grows(&settings)?;
    Ok(settings)
}

fn ensure_backoff_grows(settings: &RetrySettings) -> Result<(), KeyError> {
    if settings.initial_backoff <= settings.max_backoff {
        return Ok(());
    }
    Err(KeyError::new(
        "retry.max_backoff",
        format!(
            "is \"{}\", which is shorter than retry.initial_backoff (\"{}\"); write a duration at least as long",
            format_duration(settings.max_backoff),
            format_duration(settings.initial_backoff)
        ),
    ))
}
