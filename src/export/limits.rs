//! The limits of a job: whether a list may be exported, and whether the result may be published.

mod refusal;

pub use self::refusal::{NotPublished, status};
use self::refusal::{RefusalReason, Shrinkage};
use crate::accounts::{ListPath, Scan};
use crate::job::Limits;
use crate::report::plan::InvalidEntry;
use crate::report::summary::ResultSummary;
use crate::snapshot::manifest::FailureSummary;

/// The snapshot that the new one is compared with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreviousSnapshot {
    /// The path as messages show it.
    pub path: String,
    pub rows: u64,
}

/// What the scan found in an account list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListTotals {
    /// The name of the list as messages show it.
    pub list: String,
    /// Records, valid or not.
    pub records: u64,
    pub invalid: u64,
    pub first_invalid: Option<InvalidEntry>,
    /// The largest number of rows that the list can produce.
    pub rows_at_most: u64,
}

impl ListTotals {
    pub fn new(path: &ListPath, scan: &Scan) -> ListTotals {
        ListTotals {
            list: path.to_string(),
            records: scan.valid + scan.invalid,
            invalid: scan.invalid,
            first_invalid: scan.first_invalid.as_ref().map(InvalidEntry::from),
            rows_at_most: scan.valid,
        }
    }
}

/// The outcome of the requested accounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Totals {
    rows: u64,
    /// Failed for a transient reason.
    failed: u64,
    not_found: u64,
    /// Records that are not valid accounts and were not requested.
    invalid: u64,
}

impl Totals {
    fn requested(self) -> u64 {
        self.rows + self.failed + self.not_found
    }
}

/// Whether the list may have so many duplicates that it produces too few rows. Only then are the distinct accounts counted
/// before the first call, because that reads the list once more.
pub fn may_be_too_short(limits: &Limits, scan: &Scan, previous: Option<&PreviousSnapshot>) -> bool {
    shrinkage(limits, scan.requested_at_least, previous).is_some()
}

/// Refuses a list, before the first call, of which nothing or too little could be published.
///
/// # Errors
/// With the first limit that the list alone exceeds.
pub fn ensure_list_is_exportable(
    limits: &Limits,
    totals: &ListTotals,
    previous: Option<&PreviousSnapshot>,
) -> Result<(), NotPublished> {
    let ListTotals { list, records, invalid, first_invalid, rows_at_most } = totals;
    let (list, records, invalid) = (list.clone(), *records, *invalid);
    if records == 0 && !limits.allow_empty {
        return Err(RefusalReason::EmptyList { list }.into());
    }
    if let Some(first) = first_invalid.clone().map(Box::new) {
        if records == invalid && !limits.allow_empty {
            return Err(RefusalReason::NoValidAccount { list, records, first }.into());
        }
        let limit = limits.max_invalid;
        if !limit.allows(invalid, records) {
            return Err(
                RefusalReason::TooManyInvalid { list, invalid, records, first, limit }.into()
            );
        }
    }
    match shrinkage(limits, *rows_at_most, previous) {
        Some(shrinkage) => Err(RefusalReason::ListTooShort { list, shrinkage }.into()),
        None => Ok(()),
    }
}

/// Refuses to publish the totals of the rounds so far.
///
/// # Errors
/// With the first exceeded limit that no retry of failed accounts can fix, else with the first exceeded one.
pub fn ensure_publishable(
    limits: &Limits,
    result: &ResultSummary,
    previous: Option<&PreviousSnapshot>,
) -> Result<(), NotPublished> {
    let counts = &result.counts;
    if !counts.are_conserved() {
        return Err(RefusalReason::NotConserved(*counts).into());
    }
    decide(limits, totals_of(result), previous)
}

/// Whether a run that has processed some of its `requested` accounts may still be published: as if every other account
/// got a row.
///
/// # Errors
/// With an exceeded limit, which the accounts of this round that are left cannot fix.
pub fn ensure_still_publishable(
    limits: &Limits,
    so_far: &ResultSummary,
    requested: u64,
    previous: Option<&PreviousSnapshot>,
) -> Result<(), NotPublished> {
    let so_far = totals_of(so_far);
    let rows = requested.saturating_sub(so_far.failed + so_far.not_found);
    decide(limits, Totals { rows, ..so_far }, previous)
}

fn totals_of(result: &ResultSummary) -> Totals {
    let counts = &result.counts;
    let is_transient = |failure: &&FailureSummary| failure.category.counts_as_failed();
    let failed = result.failures.iter().filter(is_transient).map(|failure| failure.accounts).sum();
    let not_found = counts.failed.saturating_sub(failed);
    Totals { rows: counts.rows, failed, not_found, invalid: counts.invalid }
}

fn decide(
    limits: &Limits,
    totals: Totals,
    previous: Option<&PreviousSnapshot>,
) -> Result<(), NotPublished> {
    let Some(first) = exceeded(limits, totals, previous).next() else { return Ok(()) };
    // The best possible result of a retry.
    let best = Totals { rows: totals.rows + totals.failed, failed: 0, ..totals };
    let lasting: Vec<_> =
        exceeded(limits, best, previous).map(|it| std::mem::discriminant(&it)).collect();
    let reason = exceeded(limits, totals, previous)
        .find(|reason| lasting.contains(&std::mem::discriminant(reason)))
        .unwrap_or(first);
    Err(NotPublished { reason, retry_may_help: lasting.is_empty(), details: String::new() })
}

/// All limits that the totals exceed.
fn exceeded(
    limits: &Limits,
    totals: Totals,
    previous: Option<&PreviousSnapshot>,
) -> impl Iterator<Item = RefusalReason> {
    let Totals { rows, failed, not_found, invalid } = totals;
    let requested = totals.requested();
    let limit = limits.max_failed;
    let too_many_failed = (!limit.allows(failed, requested))
        .then_some(RefusalReason::TooManyFailed { failed, requested, not_found, invalid, limit });
    let limit = limits.max_not_found;
    let too_many_not_found = (!limit.allows(not_found, requested))
        .then_some(RefusalReason::TooManyNotFound { not_found, requested, limit });
    let no_rows = (rows == 0 && !limits.allow_empty).then_some(RefusalReason::NoRows {
        requested,
        not_found,
        failed,
    });
    let too_few_rows =
        shrinkage(limits, rows, previous).map(|shrinkage| RefusalReason::TooFewRows { shrinkage });
    [too_many_failed, too_many_not_found, no_rows, too_few_rows].into_iter().flatten()
}

/// The loss of rows against the previous snapshot, if the job does not allow it. If the job allows no rows, it allows the
/// loss of all rows.
fn shrinkage(limits: &Limits, rows: u64, previous: Option<&PreviousSnapshot>) -> Option<Shrinkage> {
    let previous = previous?;
    let limit = limits.max_shrink;
    let lost = previous.rows.saturating_sub(rows);
    let is_allowed = limit.allows(lost, previous.rows) || (rows == 0 && limits.allow_empty);
    (!is_allowed).then(|| Shrinkage { rows, previous: previous.clone(), limit })
}

#[cfg(test)]
mod tests;
