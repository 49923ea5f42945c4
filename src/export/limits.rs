//! Whether a list may be exported and what came of it may be published: decisions over counts and the job's limits.

use std::fmt;

use crate::accounts::{ListPath, Scan};
use crate::job::{Limit, Limits};
use crate::report::plan::InvalidEntry;
use crate::report::summary::{ResultSummary, status_of};
use crate::snapshot::manifest::{Counts, FailureSummary};
use crate::util::exit_code::{ExitCode, HasExitCode};
use crate::util::failure::Failure;

/// The snapshot that the new one is compared with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EarlierSnapshot {
    /// Where it is, as messages show it.
    pub path: String,
    /// Its rows.
    pub rows: u64,
}

/// What the scan found in an account list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListTotals {
    /// The list, as messages show it.
    pub list: String,
    /// Records, valid or not.
    pub records: u64,
    /// Records that are not valid accounts.
    pub invalid: u64,
    /// The first of them.
    pub first_invalid: Option<InvalidEntry>,
    /// The most rows that can come of the list.
    pub rows_at_most: u64,
}

impl ListTotals {
    pub fn new(path: &ListPath, scan: &Scan) -> ListTotals {
        let list = match path {
            ListPath::File(path) => path.display().to_string(),
            ListPath::Stdin => "standard input".to_owned(),
        };
        ListTotals {
            list,
            records: scan.valid + scan.invalid,
            invalid: scan.invalid,
            first_invalid: scan.first_invalid.as_ref().map(InvalidEntry::from),
            rows_at_most: scan.valid,
        }
    }
}

/// What came of the accounts that were requested.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Totals {
    rows: u64,
    /// Failed for a reason that may pass.
    failed: u64,
    not_found: u64,
}

impl Totals {
    fn requested(self) -> u64 {
        self.rows + self.failed + self.not_found
    }
}

/// A loss of rows that the job does not allow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shrinkage {
    rows: u64,
    earlier: EarlierSnapshot,
    limit: Limit,
}

impl fmt::Display for Shrinkage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Shrinkage { rows, earlier: EarlierSnapshot { path, rows: before }, limit } = self;
        let lost = before.saturating_sub(*rows);
        write!(
            f,
            "{lost} fewer than the {before} of the snapshot {path}, more than limits.max_shrink ({limit}) allows"
        )
    }
}

/// Why nothing is published. Each text ends with the way out.
#[derive(Debug, thiserror::Error)]
#[error("{reason}{}", if *.retry_may_help && !reason.names_the_retry() { "; or run again to retry the failed accounts" } else { "" })]
pub struct NotPublished {
    reason: Reason,
    /// Whether the accounts that failed are all that is in the way, so that another round may remove it.
    pub retry_may_help: bool,
}

/// What is in the way.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
enum Reason {
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
        "no row came of {requested} accounts ({not_found} not found, {failed} failed); check that the account list and api.sdkappid belong together, or set limits.allow_empty = true and run again to publish a snapshot without rows"
    )]
    NoRows { requested: u64, not_found: u64, failed: u64 },
    #[error(
        "the snapshot would have {rows} rows, {shrinkage}; check that the account list is complete and is of this app, or set limits.max_shrink = \"off\" and run again to publish without another call", rows = .shrinkage.rows
    )]
    TooFewRows { shrinkage: Shrinkage },
}

impl Reason {
    fn exit_code(&self) -> ExitCode {
        match self {
            Reason::EmptyList { .. } | Reason::NoValidAccount { .. } => ExitCode::BadUsage,
            Reason::NotConserved(_) => ExitCode::InternalOrDisk,
            _ => ExitCode::TooManyFailed,
        }
    }

    fn status(&self) -> &'static str {
        match self {
            Reason::TooManyInvalid { .. } => "too_many_invalid",
            Reason::TooManyNotFound { .. } => "too_many_not_found",
            Reason::NoRows { .. } => "no_rows",
            Reason::ListTooShort { .. } | Reason::TooFewRows { .. } => "too_few_rows",
            Reason::EmptyList { .. }
            | Reason::NoValidAccount { .. }
            | Reason::NotConserved(_)
            | Reason::TooManyFailed { .. } => status_of(self.exit_code()),
        }
    }

    fn names_the_retry(&self) -> bool {
        matches!(self, Reason::TooManyFailed { .. })
    }
}

impl From<Reason> for NotPublished {
    fn from(reason: Reason) -> NotPublished {
        NotPublished { reason, retry_may_help: false }
    }
}

impl HasExitCode for NotPublished {
    fn exit_code(&self) -> ExitCode {
        self.reason.exit_code()
    }
}

/// The word for how a run ended.
pub fn status(ended: &Result<(), Failure>) -> &'static str {
    let Err(failure) = ended else { return status_of(ExitCode::Published) };
    match failure.error.downcast_ref::<NotPublished>() {
        Some(error) => error.reason.status(),
        None => status_of(failure.code),
    }
}

/// Whether so many of the list's records may be repeats that too few rows can come of it. Only then are the distinct
/// accounts counted before the first call, since that takes one more reading of the list.
pub fn may_be_too_short(limits: &Limits, scan: &Scan, earlier: Option<&EarlierSnapshot>) -> bool {
    shrinkage(limits, scan.distinct_at_least, earlier).is_some()
}

/// Refuses a list before the first call of which nothing, or too little, could be published.
///
/// # Errors
/// With the first limit that the list alone exceeds.
pub fn ensure_list_is_exportable(
    limits: &Limits,
    totals: &ListTotals,
    earlier: Option<&EarlierSnapshot>,
) -> Result<(), NotPublished> {
    let ListTotals { list, records, invalid, first_invalid, rows_at_most } = totals;
    let (list, records, invalid) = (list.clone(), *records, *invalid);
    if records == 0 && !limits.allow_empty {
        return Err(Reason::EmptyList { list }.into());
    }
    if let Some(first) = first_invalid.clone() {
        if records == invalid && !limits.allow_empty {
            return Err(Reason::NoValidAccount { list, records, first }.into());
        }
        let limit = limits.max_invalid;
        if !limit.allows(invalid, records) {
            return Err(Reason::TooManyInvalid { list, invalid, records, first, limit }.into());
        }
    }
    match shrinkage(limits, *rows_at_most, earlier) {
        Some(shrinkage) => Err(Reason::ListTooShort { list, shrinkage }.into()),
        None => Ok(()),
    }
}

/// Refuses to publish what all rounds so far add up to.
///
/// # Errors
/// With the first limit that no retry of the failed accounts can bring the run back under, else with the first one.
pub fn ensure_publishable(
    limits: &Limits,
    result: &ResultSummary,
    earlier: Option<&EarlierSnapshot>,
) -> Result<(), NotPublished> {
    let counts = &result.counts;
    if !counts.are_conserved() {
        return Err(Reason::NotConserved(*counts).into());
    }
    let may_pass = |failure: &&FailureSummary| failure.category.counts_as_failed();
    let failed = result.failures.iter().filter(may_pass).map(|failure| failure.accounts).sum();
    let not_found = counts.failed.saturating_sub(failed);
    decide(limits, Totals { rows: counts.rows, failed, not_found }, earlier)
}

fn decide(
    limits: &Limits,
    totals: Totals,
    earlier: Option<&EarlierSnapshot>,
) -> Result<(), NotPublished> {
    let Some(first) = exceeded(limits, totals, earlier).next() else { return Ok(()) };
    // The best that a retry could bring.
    let best = Totals { rows: totals.rows + totals.failed, failed: 0, ..totals };
    let lasting: Vec<_> =
        exceeded(limits, best, earlier).map(|it| std::mem::discriminant(&it)).collect();
    let reason = exceeded(limits, totals, earlier)
        .find(|reason| lasting.contains(&std::mem::discriminant(reason)))
        .unwrap_or(first);
    Err(NotPublished { reason, retry_may_help: lasting.is_empty() })
}

/// Every limit that the totals exceed.
fn exceeded(
    limits: &Limits,
    totals: Totals,
    earlier: Option<&EarlierSnapshot>,
) -> impl Iterator<Item = Reason> {
    let Totals { rows, failed, not_found } = totals;
    let requested = totals.requested();
    let limit = limits.max_failed;
    let too_many_failed = (!limit.allows(failed, requested)).then_some(Reason::TooManyFailed {
        failed,
        requested,
        limit,
    });
    let limit = limits.max_not_found;
    let too_many_not_found = (!limit.allows(not_found, requested))
        .then_some(Reason::TooManyNotFound { not_found, requested, limit });
    let no_rows = (rows == 0 && !limits.allow_empty).then_some(Reason::NoRows {
        requested,
        not_found,
        failed,
    });
    let too_few_rows =
        shrinkage(limits, rows, earlier).map(|shrinkage| Reason::TooFewRows { shrinkage });
    [too_many_failed, too_many_not_found, no_rows, too_few_rows].into_iter().flatten()
}

/// The loss of rows against the earlier snapshot, if the job does not allow it. Where no rows are allowed, so is the loss
/// of all of them.
fn shrinkage(limits: &Limits, rows: u64, earlier: Option<&EarlierSnapshot>) -> Option<Shrinkage> {
    let earlier = earlier?;
    let limit = limits.max_shrink;
    let lost = earlier.rows.saturating_sub(rows);
    let is_allowed = limit.allows(lost, earlier.rows) || (rows == 0 && limits.allow_empty);
    (!is_allowed).then(|| Shrinkage { rows, earlier: earlier.clone(), limit })
}

#[cfg(test)]
mod tests;
