//! `[retry]`: when and how long to try again.

use std::time::Duration;

use super::RetrySettings;
use super::error::Refusal;
use super::file::RetryFile;
use super::values::{duration, whole_number, written};

pub(super) const DEFAULT_MAX_ATTEMPTS: u32 = 6;
/// Beyond this an account is not failing for a moment but for good.
pub(super) const MAX_ATTEMPTS: u32 = 100;
pub(super) const DEFAULT_INITIAL_BACKOFF: Duration = Duration::from_millis(500);
pub(super) const DEFAULT_MAX_BACKOFF: Duration = Duration::from_secs(30);
const LONGEST_BACKOFF: Duration = Duration::from_hours(1);
pub(super) const DEFAULT_OUTAGE_PATIENCE: Duration = Duration::from_mins(30);
/// A week: whoever waits longer is better served by a scheduler that runs the job again.
const LONGEST_OUTAGE_PATIENCE: Duration = Duration::from_hours(7 * 24);

pub(super) fn check(file: &RetryFile) -> Result<RetrySettings, Refusal> {
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
            LONGEST_BACKOFF,
        )?,
        max_backoff: duration(
            "retry.max_backoff",
            file.max_backoff.as_ref(),
            DEFAULT_MAX_BACKOFF,
            LONGEST_BACKOFF,
        )?,
        outage_patience: duration(
            "retry.outage_patience",
            file.outage_patience.as_ref(),
            DEFAULT_OUTAGE_PATIENCE,
            LONGEST_OUTAGE_PATIENCE,
        )?,
    };
    ensure_backoff_grows(&settings)?;
    Ok(settings)
}

fn ensure_backoff_grows(settings: &RetrySettings) -> Result<(), Refusal> {
    if settings.initial_backoff <= settings.max_backoff {
        return Ok(());
    }
    Err(Refusal::new(
        "retry.max_backoff",
        format!(
            "is \"{}\", shorter than retry.initial_backoff, \"{}\"; write one at least as long",
            written(settings.max_backoff),
            written(settings.initial_backoff)
        ),
    ))
}
