//! Why a list is not exported, or a run is not published.

use std::fmt;

use super::PreviousSnapshot;
use crate::job::Limit;
use crate::report::plan::InvalidEntry;
use crate::report::summary::status_of;
use crate::snapshot::manifest::Counts;
use crate::util::exit_code::{ExitCode, HasExitCode};
use crate::util::failure::Failure;

/// A loss of rows that the job does not allow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shrinkage {
    pub rows: u64,
    pub previous: PreviousSnapshot,
    pub limit: Limit,
}

impl fmt::Display for Shrinkage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Shrinkage { rows, previous: PreviousSnapshot { path, rows: before }, limit } = self;
        let lost = before.saturating_sub(*rows);
        write!(
            f,
            "{lost} fewer than the {before} of the snapshot {path}, more than limits.max_shrink ({limit}) allows"
        )
    }
}

/// Why nothing is published. Each text ends with the fix.
#[derive(Debug, thiserror::Error)]
#[error("{reason}{}", if *.retry_may_help && !reason.names_the_retry() { "; or run again to retry the failed accounts" } else { "" })]
pub struct NotPublished {
    pub reason: RefusalReason,
    /// Whether failed accounts are the only obstacle, so that another round may remove it.
    pub retry_may_help: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RefusalReason {
    #[error(
        "account list {list} has no records; check what writes it, or set limits.allow_empty = true to publish a snapshot without rows"
    )]
    EmptyList { list: String },
    #[error(
        "account list {list} has no valid account: {records} of {records} records are invalid (the first {first}); correct the list, or accounts.format and accounts.column"
    )]
    NoValidAccount { list: String, records: u64, first: InvalidEntry },
    #[error(
        "{invalid} of {records} records of account list {list} are invalid (the first {first}), more than limits.max_invalid ({limit}) allows; correct the list, or set limits.max_invalid = {invalid} to export it without them"
    )]
    TooManyInvalid { list: String, invalid: u64, records: u64, first: InvalidEntry, limit: Limit },
    #[error(
        "account list {list} can bring at most {rows} rows, {shrinkage}; check that the list is complete, or set limits.max_shrink = \"off\"", rows = .shrinkage.rows
    )]
    ListTooShort { list: String, shrinkage: Shrinkage },
    #[error("the counts do not add up ({0:?}), which is a bug; nothing was published")]
    NotConserved(Counts),
    #[error(
        "{failed} of {requested} accounts failed, more than limits.max_failed ({limit}) allows; run again to retry them, or raise limits.max_failed to publish without them"
    )]
    TooManyFailed { failed: u64, requested: u64, limit: Limit },
    #[error(
        "the service does not know {not_found} of {requested} accounts, more than limits.max_not_found ({limit}) allows; check that the account list and api.sdkappid belong together, or raise limits.max_not_found and run again to publish without another call"
    )]
    TooManyNotFound { not_found: u64, requested: u64, limit: Limit },
    #[error(
        "no rows for {requested} accounts ({not_found} not found, {failed} failed); check that the account list and api.sdkappid belong together, or set limits.allow_empty = true and run again to publish a snapshot without rows"
    )]
    NoRows { requested: u64, not_found: u64, failed: u64 },
    #[error(
        "the snapshot would have {rows} rows, {shrinkage}; check that the account list is complete and is of this app, or set limits.max_shrink = \"off\" and run again to publish without another call", rows = .shrinkage.rows
    )]
    TooFewRows { shrinkage: Shrinkage },
}

impl RefusalReason {
    pub fn exit_code(&self) -> ExitCode {
        match self {
            RefusalReason::EmptyList { .. } | RefusalReason::NoValidAccount { .. } => {
                ExitCode::BadUsage
            }
            RefusalReason::NotConserved(_) => ExitCode::InternalOrDisk,
            _ => ExitCode::TooManyFailed,
        }
    }

    pub fn status(&self) -> &'static str {
        match self {
            RefusalReason::TooManyInvalid { .. } => "too_many_invalid",
            RefusalReason::TooManyNotFound { .. } => "too_many_not_found",
            RefusalReason::NoRows { .. } => "no_rows",
            RefusalReason::ListTooShort { .. } | RefusalReason::TooFewRows { .. } => "too_few_rows",
            RefusalReason::EmptyList { .. }
            | RefusalReason::NoValidAccount { .. }
            | RefusalReason::NotConserved(_)
            | RefusalReason::TooManyFailed { .. } => status_of(self.exit_code()),
        }
    }

    fn names_the_retry(&self) -> bool {
        matches!(self, RefusalReason::TooManyFailed { .. })
    }
}

impl From<RefusalReason> for NotPublished {
    fn from(reason: RefusalReason) -> NotPublished {
        NotPublished { reason, retry_may_help: false }
    }
}

impl HasExitCode for NotPublished {
    fn exit_code(&self) -> ExitCode {
        self.reason.exit_code()
    }
}

/// The status of a run in its summary.
pub fn status(result: &Result<(), Failure>) -> &'static str {
    let Err(failure) = result else { return status_of(ExitCode::Published) };
    match failure.error.downcast_ref::<NotPublished>() {
        Some(error) => error.reason.status(),
        None => status_of(failure.code),
    }
}
