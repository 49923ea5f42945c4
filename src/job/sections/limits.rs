//! `[limits]`: when a run does not publish, and when it stops.

use std::time::Duration;

use crate::accounts::ListSource;
use crate::job::error::KeyError;
use crate::job::file::LimitsFile;
use crate::job::limit::Limit;
use crate::job::settings::Limits;
use crate::job::size::size;
use crate::job::values::duration;

pub const DEFAULT_MAX_FAILED: Limit = Limit::percent(1);
pub const DEFAULT_MAX_INVALID: Limit = Limit::percent(1);
pub const DEFAULT_MAX_NOT_FOUND: Limit = Limit::Off;
pub const DEFAULT_MAX_SHRINK: Limit = Limit::percent(50);
/// A week, as for `retry.outage_patience`.
const MAX_DEADLINE: Duration = Duration::from_hours(7 * 24);

pub const DEFAULT_MEMORY_BYTES: u64 = ListSource::DEFAULT_MEMORY_BYTES;
/// Enough for the program itself and a filter of 11 million accounts.
const MIN_MEMORY_BYTES: u64 = 32 << 20;
const MAX_MEMORY_BYTES: u64 = 1 << 40;

/// The memory within which an account list is read, in bytes.
pub fn memory(file: &LimitsFile) -> Result<u64, KeyError> {
    let range = MIN_MEMORY_BYTES..=MAX_MEMORY_BYTES;
    size("limits.memory", file.memory.as_ref(), DEFAULT_MEMORY_BYTES, range)
}

pub fn validate(file: &LimitsFile) -> Result<Limits, KeyError> {
    let deadline = match &file.deadline {
        None => None,
        deadline => {
            Some(duration("limits.deadline", deadline.as_ref(), MAX_DEADLINE, MAX_DEADLINE)?)
        }
    };
    Ok(Limits {
        max_failed: Limit::from_value(
            "limits.max_failed",
            file.max_failed.as_ref(),
            DEFAULT_MAX_FAILED,
            "accounts",
        )?,
        max_invalid: Limit::from_value(
            "limits.max_invalid",
            file.max_invalid.as_ref(),
            DEFAULT_MAX_INVALID,
            "records",
        )?,
        max_not_found: Limit::from_value(
            "limits.max_not_found",
            file.max_not_found.as_ref(),
            DEFAULT_MAX_NOT_FOUND,
            "accounts",
        )?,
        max_shrink: Limit::from_value(
            "limits.max_shrink",
            file.max_shrink.as_ref(),
            DEFAULT_MAX_SHRINK,
            "rows",
        )?,
        allow_empty: file.allow_empty.unwrap_or(false),
        deadline,
    })
}
