//! What an export would find of an unfinished run, and what it would still do. Changes nothing.

use jiff::civil::Date;

use super::content::RunContent;
use super::limits::{PreviousSnapshot, ensure_publishable, ensure_still_publishable};
use super::problem::Problems;
use super::results::totals_of;
use super::resume::{ResumeError, ensure_not_superseded, published_run};
use super::rounds::{EMPTY_ROUND, failed_accounts};
use crate::accounts::Scan;
use crate::api::response::MAX_ACCOUNTS_PER_CALL;
use crate::job::Job;
use crate::report::plan::{RemainingWork, Resume, ResumeState, minimum_seconds};
use crate::report::subject::Subject;
use crate::snapshot::checkpoint::Checkpoint;
use crate::snapshot::parts::CommittedPart;
use crate::snapshot::store::Store;
use crate::snapshot::unfinished_run::UnfinishedRun;

/// What an export would do with an unfinished run.
pub struct ResumeInspection {
    pub resume: Resume,
    /// The parts that the run has committed.
    pub parts: Vec<CommittedPart>,
    /// Why an export would refuse to resume it, or could not publish it.
    pub problems: Problems,
}

/// What the list and the disk have shown so far.
#[derive(Debug, Clone, Copy)]
pub struct Findings<'f> {
    pub scan: &'f Scan,
    pub accounts_to_request: u64,
    /// The snapshot that the new one is compared with.
    pub previous: Option<&'f PreviousSnapshot>,
    /// The date of the run.
    pub date: Date,
    pub source: RunSource,
}

/// Who else uses the work directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunSource {
    /// Nobody: the files of committed parts are verified.
    Idle,
    /// An active run, which may publish its parts at any moment, or this one, which verifies them when it resumes.
    Opened,
    /// This run, which discards the unfinished one.
    Restarted,
}

/// Inspects the work directory as an export does.
pub fn inspect_unfinished_run(
    job: &Job,
    store: &dyn Store,
    findings: Findings<'_>,
) -> ResumeInspection {
    let all = work_left(findings.accounts_to_request, &[], job.output.accounts_per_part);
    let new_run = Resume::new_run(all);
    let mut problems = Problems::default();
    let (resume, parts) = match read(job, store, findings) {
        Ok(Found::Nothing) => (new_run, Vec::new()),
        Ok(Found::Published(started_at)) => {
            let (state, started_at) = (ResumeState::HasPublished, Some(started_at));
            let resume = Resume { state, started_at, ..Resume::new_run(RemainingWork::default()) };
            (resume, Vec::new())
        }
        Ok(Found::Unfinished(checkpoint)) => {
            let (state, left) = next_step(job, &checkpoint, findings, &mut problems);
            let parts = checkpoint.parts();
            let resume = Resume {
                state,
                started_at: Some(checkpoint.header.started_at),
                parts_committed: parts.len() as u64,
                bytes_committed: parts.iter().map(|part| part.file_info.bytes).sum(),
                left: Some(left),
                minimum_seconds_left: None,
            };
            (resume, parts)
        }
        Err(error) => {
            problems.refuse(Subject::Resume, error);
            let resume = Resume { state: ResumeState::Refused, left: None, ..new_run };
            (resume, Vec::new())
        }
    };
    let minimum_seconds_left =
        resume.left.and_then(|left| minimum_seconds(left.calls_left, job.api.calls_per_second));
    ResumeInspection { resume: Resume { minimum_seconds_left, ..resume }, parts, problems }
}

enum Found {
    Nothing,
    /// The start of a run that has published; only its cleanup was interrupted.
    Published(String),
    Unfinished(Checkpoint),
}

fn read(job: &Job, store: &dyn Store, findings: Findings<'_>) -> Result<Found, ResumeError> {
    if findings.source == RunSource::Restarted {
        return Ok(Found::Nothing);
    }
    if let Some(header) = published_run(store)? {
        let is_of_this_day = header.date == findings.date.to_string();
        return Ok(if is_of_this_day {
            Found::Published(header.started_at)
        } else {
            Found::Nothing
        });
    }
    let Some(mut run) = UnfinishedRun::read(store)? else {
        return Ok(Found::Nothing);
    };
    if !RunContent::new(job, findings.scan).can_resume(&mut run, store.root())? {
        return Ok(Found::Nothing);
    }
    ensure_not_superseded(store, &run.checkpoint.header)?;
    if findings.source == RunSource::Idle {
        run.verify_files(store)?;
    }
    match run.damage(store) {
        Some(damage) => Err(Box::new(damage).into()),
        None => {
            store.ensure_own_files()?;
            Ok(Found::Unfinished(run.checkpoint))
        }
    }
}

/// What an export does next with a run of the same content. Adds the limit of the job that prevents its publishing.
fn next_step(
    job: &Job,
    checkpoint: &Checkpoint,
    findings: Findings<'_>,
    problems: &mut Problems,
) -> (ResumeState, RemainingWork) {
    let (accounts_per_part, previous) = (job.output.accounts_per_part, findings.previous);
    let totals = totals_of(checkpoint, findings.scan, job.api.calls_per_second);
    let (round, completed) = match checkpoint.rounds.split_last() {
        Some((last, completed)) if last.end.is_none() => (last, completed),
        Some((last, _)) => match ensure_publishable(&job.limits, &totals, previous) {
            Ok(()) => return (ResumeState::Publishes, RemainingWork::default()),
            Err(error) if error.retry_may_help => {
                let left = work_left(failed_accounts(last), &[], accounts_per_part);
                return (ResumeState::RetriesFailed, left);
            }
            Err(error) => {
                problems.refuse(Subject::Resume, error);
                return (ResumeState::HeldBack, RemainingWork::default());
            }
        },
        None => (&EMPTY_ROUND, &[][..]),
    };
    let requested = findings.accounts_to_request;
    // An export has not counted the accounts without duplicates; what exceeds the limit of all of them stops it for certain.
    let at_most =
        if findings.source == RunSource::Opened { findings.scan.valid } else { requested };
    if let Err(error) = ensure_still_publishable(&job.limits, &totals, at_most, previous) {
        problems.stop(Subject::Resume, error);
    }
    let accounts = completed.last().map_or(requested, failed_accounts);
    let committed: Vec<u64> =
        round.parts.values().map(|part| part.ordinals.end - part.ordinals.start).collect();
    (ResumeState::Resumes, work_left(accounts, &committed, accounts_per_part))
}

/// What is left of a round of `accounts` when parts with these numbers of accounts are `committed`. All parts but the last
/// are full and consist of full calls; a round without accounts writes one part without rows.
pub fn work_left(accounts: u64, committed: &[u64], accounts_per_part: u64) -> RemainingWork {
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
            work_left(accounts, committed, 1_000);
        [accounts_left, calls_left, parts_left]
    }

    #[test]
    fn incomplete_calls_and_parts_count_as_one() {
        assert_eq!(left(2_000, &[]), [2_000, 20, 2]);
        assert_eq!(left(2_001, &[]), [2_001, 21, 3]);
        assert_eq!(left(0, &[]), [0, 0, 1]);
    }

    #[test]
    fn committed_parts_are_not_requested_again() {
        assert_eq!(left(2_001, &[1_000]), [1_001, 11, 2]);
        assert_eq!(left(2_001, &[1_000, 1]), [1_000, 10, 1]);
        assert_eq!(left(2_001, &[1_000, 1_000, 1]), [0, 0, 0]);
        assert_eq!(left(0, &[0]), [0, 0, 0]);
    }
}
