//! `plan`: what an export would do, told from the job, the list and the disk alone.

mod known_rows;
mod unfinished;

use std::path::Path;

use tracing::warn;

use self::known_rows::known_rows;
use self::unfinished::{Findings, ResumeInspection, look_for_unfinished_run, work_of};
use super::print::print;
use crate::accounts::{AccountList, InvalidAccount, Scan};
use crate::cli::{Flags, PlanArgs};
use crate::export::connect::load_job;
use crate::export::earlier::earlier_snapshot;
use crate::export::limits::{ListTotals, ensure_list_is_exportable};
use crate::export::results::absolute;
use crate::export::resume::warn_about_other_unfinished_runs;
use crate::job::Job;
use crate::observability::progress::Reporter;
use crate::report::plan::{
    InvalidEntry, ListCounts, Plan, ResumeState, SHOWN_INVALID, minimum_seconds,
};
use crate::report::size::SizeEstimate;
use crate::snapshot::IfExists;
use crate::snapshot::store::local::lock_holder::holder_of;
use crate::snapshot::store::local::replace::{Occupant, moved_aside};
use crate::snapshot::work_directory::{WorkDirectoryError, WorkPaths};
use crate::util::disk_space::free_bytes;
use crate::util::exit_code::ExitCode;
use crate::util::failure::Failure;

/// Prints the plan of a job. Fails with what an export would refuse to begin with.
pub fn plan(args: &PlanArgs, flags: &Flags, reporter: &mut Reporter) -> Result<(), Failure> {
    let (job, date) = load_job(&args.job, flags)?;
    let work = WorkPaths::of(&job.output.path)?;
    let counted = count(&job, reporter);
    reporter.finish();
    let (list, scan) = counted?;
    warn_about_other_unfinished_runs(&work, date);
    let occupant = occupant_of(&work)?;
    let run_at_work = holder_of(&work);
    let earlier = work
        .ensure_may_be_published(job.output.if_exists)
        .map_err(Failure::from)
        .and_then(|()| Ok(earlier_snapshot(&job)?));
    let findings = Findings {
        scan: &scan,
        distinct_accounts: list.distinct_accounts,
        earlier: earlier.as_ref().ok().and_then(Option::as_ref),
    };
    let ResumeInspection { resume, parts, refusal } =
        look_for_unfinished_run(&job, &work, findings, date, run_at_work.as_deref());
    let may_start = earlier.and_then(|earlier| {
        let rows_at_most = list.distinct_accounts;
        let totals = ListTotals { rows_at_most, ..ListTotals::new(&job, &scan) };
        Ok(ensure_list_is_exportable(&job.limits, &totals, earlier.as_ref())?)
    });
    // In the order of an export; what has published is cleaned up whatever is there.
    let has_published = resume.state == ResumeState::HasPublished;
    let refusal = may_start.err().filter(|_| !has_published).or(refusal);
    let all = work_of(list.distinct_accounts, &[], job.output.accounts_per_part);
    let told = Plan {
        job: job.name.clone(),
        date: date.to_string(),
        snapshot: absolute(&job.output.path).display().to_string(),
        calls: all.calls_left,
        parts: all.parts_left,
        accounts_per_part: job.output.accounts_per_part,
        calls_per_second: job.api.calls_per_second,
        minimum_seconds: minimum_seconds(all.calls_left, job.api.calls_per_second),
        size: SizeEstimate::new(list.distinct_accounts, known_rows(&job, &parts)),
        free_bytes: free_bytes(&job.output.path),
        snapshot_exists: occupant != Occupant::Nothing,
        if_exists: match job.output.if_exists {
            IfExists::Replace => "replace",
            IfExists::Fail => "fail",
        },
        account_list: list,
        resume,
        run_at_work,
        refusal: refusal.as_ref().map(|failure| failure.text()),
        exit_code: refusal.as_ref().map_or(ExitCode::Published, |failure| failure.code).number(),
    };
    let here = std::env::current_dir().unwrap_or_default();
    print(if args.json { told.to_json() + "\n" } else { told.to_text(&here) })?;
    refusal.map_or(Ok(()), Err)
}

/// What an export would find at the output path; warns where it would put an earlier snapshot back first.
fn occupant_of(work: &WorkPaths) -> Result<Occupant, Failure> {
    if let Some(replaced) = moved_aside(work).map_err(WorkDirectoryError::Unreadable)? {
        let replaced = replaced.display();
        warn!(%replaced, "an interrupted run moved the previous snapshot aside; the next export restores it");
    }
    Ok(work.occupant().map_err(WorkDirectoryError::Unreadable)?)
}

/// Reads the list twice, as an export does.
fn count(job: &Job, reporter: &mut Reporter) -> Result<(ListCounts, Scan), Failure> {
    let list = open_list(job)?;
    let mut first_invalid = Vec::new();
    let mut keep_the_first = |invalid: &InvalidAccount| {
        if first_invalid.len() < SHOWN_INVALID {
            first_invalid.push(InvalidEntry::from(invalid));
        }
        Ok(())
    };
    let scan = list.scan(&mut keep_the_first, &mut |entries| reporter.scanning(entries))?;
    let mut distinct = list.distinct(&scan)?;
    let mut distinct_accounts = 0;
    while distinct.next_account()?.is_some() {
        distinct_accounts += 1;
    }
    let counts = ListCounts {
        accounts_in_list: scan.valid + scan.invalid,
        distinct_accounts,
        duplicates: distinct.duplicates(),
        invalid: scan.invalid,
        first_invalid,
    };
    Ok((counts, scan))
}

/// Standard input is spooled where temporary files go, since the work directory may not be there yet.
fn open_list(job: &Job) -> Result<AccountList, Failure> {
    let spool_directory = std::env::temp_dir();
    Ok(AccountList::open(&job.accounts, Path::new(&spool_directory))?)
}
