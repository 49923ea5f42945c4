//! What an export would find of an unfinished run, and what it would still do. Changes nothing.

use jiff::civil::Date;

use crate::accounts::Scan;
use crate::api::response::MAX_ACCOUNTS_PER_CALL;
use crate::export::limits::{EarlierSnapshot, ensure_publishable};
use crate::export::results::results_of;
use crate::export::resume::{
    ResumeError, can_resume, content_of, ensure_parts_are_whole, published_run,
};
use crate::job::Job;
use crate::pipeline::call_stats::CallStats;
use crate::report::plan::{RemainingWork, Resume, ResumeState, minimum_seconds};
use crate::snapshot::journal::{Checkpoint, Journal, Round};
use crate::snapshot::parts::CommittedPart;
use crate::snapshot::work_directory::WorkPaths;
use crate::util::failure::Failure;

/// What was found.
pub struct ResumeInspection {
    /// What an export would do with it.
    pub resume: Resume,
    /// The parts it has committed.
    pub parts: Vec<CommittedPart>,
    /// Why an export would refuse to go on with it.
    pub refusal: Option<Failure>,
}

/// What the list and the disk have shown so far.
#[derive(Debug, Clone, Copy)]
pub struct Findings<'f> {
    /// The first reading of the list.
    pub scan: &'f Scan,
    /// Its distinct, valid accounts.
    pub distinct_accounts: u64,
    /// The snapshot that the new one is compared with.
    pub earlier: Option<&'f EarlierSnapshot>,
}

/// Looks at the work directory as an export does. Parts are read to see that they are whole, but not beside a run that is
/// at work and may publish them any moment.
pub fn look_for_unfinished_run(
    job: &Job,
    work: &WorkPaths,
    findings: Findings<'_>,
    date: Date,
    run_at_work: Option<&str>,
) -> ResumeInspection {
    let all = work_of(findings.distinct_accounts, &[], job.output.accounts_per_part);
    let new_run = Resume::new_run(all);
    let (resume, parts, refusal) = match read(job, work, findings.scan, date, run_at_work.is_some())
    {
        Ok(Found::Nothing) => (new_run, Vec::new(), None),
        Ok(Found::Published(started_at)) => {
            let (state, started_at) = (ResumeState::HasPublished, Some(started_at));
            let resume = Resume { state, started_at, ..Resume::new_run(RemainingWork::default()) };
            (resume, Vec::new(), None)
        }
        Ok(Found::Unfinished(checkpoint)) => {
            let (state, left, refusal) = next_step(job, &checkpoint, findings);
            let parts = checkpoint.parts();
            let resume = Resume {
                state,
                started_at: Some(checkpoint.header.started_at),
                parts_committed: parts.len() as u64,
                bytes_committed: parts.iter().map(|part| part.file_info.bytes).sum(),
                left,
                minimum_seconds_left: None,
            };
            (resume, parts, refusal)
        }
        Err(error) => {
            let resume = Resume { state: ResumeState::Refused, left: None, ..new_run };
            (resume, Vec::new(), Some(error.into()))
        }
    };
    let minimum_seconds_left =
        resume.left.and_then(|left| minimum_seconds(left.calls_left, job.api.calls_per_second));
    ResumeInspection { resume: Resume { minimum_seconds_left, ..resume }, parts, refusal }
}

enum Found {
    Nothing,
    /// The run that began then; only its cleaning up was cut short.
    Published(String),
    Unfinished(Checkpoint),
}

fn read(
    job: &Job,
    work: &WorkPaths,
    scan: &Scan,
    date: Date,
    is_at_work: bool,
) -> Result<Found, ResumeError> {
    if let Some(begin) = published_run(work)? {
        let is_of_this_day = begin.date == date.to_string();
        return Ok(if is_of_this_day {
            Found::Published(begin.started_at)
        } else {
            Found::Nothing
        });
    }
    let Some(checkpoint) = Journal::read_checkpoint(work.root())? else {
        return Ok(Found::Nothing);
    };
    if !can_resume(work.root(), &checkpoint, &content_of(job, scan))? {
        return Ok(Found::Nothing);
    }
    if !is_at_work {
        ensure_parts_are_whole(work, &checkpoint.parts())?;
    }
    Ok(Found::Unfinished(checkpoint))
}

/// What an export does next with a run of the same content.
fn next_step(
    job: &Job,
    checkpoint: &Checkpoint,
    findings: Findings<'_>,
) -> (ResumeState, Option<RemainingWork>, Option<Failure>) {
    let accounts_per_part = job.output.accounts_per_part;
    let (round, earlier) = match checkpoint.rounds.split_last() {
        Some((last, earlier)) if last.end.is_none() => (last, earlier),
        _ => {
            let results = results_of(checkpoint, findings.scan, CallStats::default());
            return match ensure_publishable(&job.limits, &results, findings.earlier) {
                Ok(()) => (ResumeState::Publishes, Some(RemainingWork::default()), None),
                Err(error) if error.retry_may_help => {
                    let failed = checkpoint.last_round().map_or(0, failed_accounts);
                    let left = work_of(failed, &[], accounts_per_part);
                    (ResumeState::RetriesFailed, Some(left), None)
                }
                Err(error) => {
                    (ResumeState::HeldBack, Some(RemainingWork::default()), Some(error.into()))
                }
            };
        }
    };
    let accounts = earlier.last().map_or(findings.distinct_accounts, failed_accounts);
    let committed: Vec<u64> =
        round.parts.values().map(|part| part.ordinals.end - part.ordinals.start).collect();
    let left = work_of(accounts, &committed, accounts_per_part);
    (ResumeState::Resumes, Some(left), None)
}

/// The accounts of a round that the next one asks again.
fn failed_accounts(round: &Round) -> u64 {
    let failed = round.parts.values().flat_map(|part| &part.failed);
    failed
        .filter(|failure| failure.category.counts_as_failed())
        .map(|failure| failure.accounts)
        .sum()
}

/// What is left of a round of `accounts` when parts of so many accounts are `committed`. All parts but the last are
/// full, and hold whole calls; a round without accounts makes a part without rows.
pub fn work_of(accounts: u64, committed: &[u64], accounts_per_part: u64) -> RemainingWork {
    let calls_for = |accounts: u64| accounts.div_ceil(MAX_ACCOUNTS_PER_CALL as u64);
    let parts = accounts.div_ceil(accounts_per_part).max(1);
    let calls_made: u64 = committed.iter().copied().map(calls_for).sum();
    RemainingWork {
        accounts_left: accounts.saturating_sub(committed.iter().sum()),
        calls_left: calls_for(accounts).saturating_sub(calls_made),
        parts_left: parts.saturating_sub(committed.len() as u64),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left(accounts: u64, committed: &[u64]) -> [u64; 3] {
        let RemainingWork { accounts_left, calls_left, parts_left } =
            work_of(accounts, committed, 1_000);
        [accounts_left, calls_left, parts_left]
    }

    #[test]
    fn a_call_that_is_not_full_is_a_call_and_a_part_that_is_not_full_is_a_part() {
        assert_eq!(left(2_000, &[]), [2_000, 20, 2]);
        assert_eq!(left(2_001, &[]), [2_001, 21, 3]);
        assert_eq!(left(0, &[]), [0, 0, 1]);
    }

    #[test]
    fn what_is_committed_is_not_asked_again_wherever_it_stands() {
        assert_eq!(left(2_001, &[1_000]), [1_001, 11, 2]);
        assert_eq!(left(2_001, &[1_000, 1]), [1_000, 10, 1]);
        assert_eq!(left(2_001, &[1_000, 1_000, 1]), [0, 0, 0]);
        assert_eq!(left(0, &[0]), [0, 0, 0]);
    }
}
