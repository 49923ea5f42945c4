//! Why a list is not exported, or a run is not published.

use std::fmt;
use std::path::Path;

use indicatif::HumanCount;

use super::PreviousSnapshot;
use crate::export::resume_command::ResumeCommand;
use crate::job::Limit;
use crate::report::plan::InvalidEntry;
use crate::report::summary::status_of;
use crate::snapshot::layout::failed_lines_file;
use crate::snapshot::manifest::Counts;
use crate::snapshot::sidecars::LinesFormat;
use crate::util::exit_code::{ExitCode, HasExitCode};
use crate::util::failure::Failure;
use crate::util::human::counted;

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
        let lost = HumanCount(before.saturating_sub(*rows));
        let allowance = limit.allowance(*before);
        let before = HumanCount(*before);
        write!(
            f,
            "{lost} fewer than the {before} of the snapshot {path}, but limits.max_shrink allows {allowance}"
        )
    }
}

/// Why nothing is published. Each text ends with the fix.
#[derive(Debug, thiserror::Error)]
#[error("{reason}{}{details}", if *.retry_may_help && !reason.names_the_retry() { ", or run again to retry the failed accounts" } else { "" })]
pub struct NotPublished {
    pub reason: RefusalReason,
    /// Whether failed accounts are the only obstacle, so that another round may remove it.
    pub retry_may_help: bool,
    /// Where the accounts are, and the command that continues; empty before the first call.
    pub details: String,
}

impl NotPublished {
    /// The refusal of a run with this work directory. The same command helps only if it retries accounts.
    pub fn of_run(self, work_directory: &Path, command: &ResumeCommand) -> NotPublished {
        let files = work_directory.join(failed_lines_file("part-*", LinesFormat::Tsv));
        let mut details = format!("; {} lists the accounts", files.display());
        if self.retry_may_help {
            details.push_str(&format!("; run again with: {command}"));
        }
        NotPublished { details, ..self }
    }
}

/// The accounts that `limits.max_failed` does not count, in parentheses.
fn not_counted(not_found: u64, invalid: u64) -> String {
    let kinds = [(not_found, "not found", "max_not_found"), (invalid, "invalid", "max_invalid")];
    let kinds = kinds.into_iter().filter(|(accounts, ..)| *accounts > 0);
    let texts: Vec<String> = kinds
        .map(|(accounts, kind, key)| {
            format!("{} {kind}, which limits.{key} counts", HumanCount(accounts))
        })
        .collect();
    if texts.is_empty() { String::new() } else { format!(" (besides {})", texts.join(", and ")) }
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RefusalReason {
    #[error(
        "account list {list} has no records; check what writes it, or set limits.allow_empty = true to publish a snapshot without rows"
    )]
    EmptyList { list: String },
    #[error(
        "account list {list} has no valid account among {records} (the first {first}); correct the list, or accounts.format and accounts.column",
        records = counted(*.records, "record")
    )]
    NoValidAccount { list: String, records: u64, first: Box<InvalidEntry> },
    #[error(
        "{} of {} of account list {list} are invalid (the first {first}), but limits.max_invalid allows {}; correct the list, or set limits.max_invalid = {invalid} to export it without them",
        HumanCount(*.invalid),
        counted(*.records, "record"),
        .limit.allowance(*.records)
    )]
    TooManyInvalid {
        list: String,
        invalid: u64,
        records: u64,
        first: Box<InvalidEntry>,
        limit: Limit,
    },
    #[error(
        "account list {list} can bring at most {rows}, {shrinkage}; check that the list is complete, or set limits.max_shrink = \"off\"", rows = counted(.shrinkage.rows, "row")
    )]
    ListTooShort { list: String, shrinkage: Shrinkage },
    #[error("the counts do not add up ({0:?}), which is a bug; nothing was published")]
    NotConserved(Counts),
    #[error(
        "{} of {} failed{}, but limits.max_failed allows {}; retry them with the same command, or set limits.max_failed = {failed} to publish without them",
        HumanCount(*.failed),
        counted(*.requested, "account"),
        not_counted(*.not_found, *.invalid),
        .limit.allowance(*.requested)
    )]
    TooManyFailed { failed: u64, requested: u64, not_found: u64, invalid: u64, limit: Limit },
    #[error(
        "the service does not know {} of {}, but limits.max_not_found allows {}; check that the account list and api.sdkappid belong together, or set limits.max_not_found = {not_found} to publish without another call",
        HumanCount(*.not_found),
        counted(*.requested, "account"),
        .limit.allowance(*.requested)
    )]
    TooManyNotFound { not_found: u64, requested: u64, limit: Limit },
    #[error(
        "no rows for {} ({} not found, {} failed); check that the account list and api.sdkappid belong together, or set limits.allow_empty = true to publish a snapshot without rows",
        counted(*.requested, "account"),
        HumanCount(*.not_found),
        HumanCount(*.failed)
    )]
    NoRows { requested: u64, not_found: u64, failed: u64 },
    #[error(
        "the snapshot would have {rows}, {shrinkage}; check that the account list is complete and is of this app, or set limits.max_shrink = \"off\" to publish without another call", rows = counted(.shrinkage.rows, "row")
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
        NotPublished { reason, retry_may_help: false, details: String::new() }
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
