//! What an export would do, from the job, the account list and the disk alone.

use jiff::civil::Date;
use tracing::warn;

use super::inspect::{OutputTarget, inspect};
use super::known_rows::known_rows;
use super::limits::{ListTotals, ensure_list_is_exportable};
use super::other_dates::warn_about_runs_of_other_dates;
use super::unfinished::{Findings, ResumeInspection, inspect_unfinished_run, work_left};
use crate::accounts::{AccountList, InvalidAccount, ListSource, Scan};
use crate::job::IfExists;
use crate::job::Job;
use crate::observability::progress::Reporter;
use crate::report::plan::{
    InvalidEntry, ListCounts, Plan, ResumeState, SHOWN_INVALID, minimum_seconds,
};
use crate::report::size::SizeEstimate;
use crate::snapshot::store::local::LocalStore;
use crate::snapshot::store::local::replace::Occupant;
use crate::util::disk_space::free_bytes;
use crate::util::exit_code::ExitCode;
use crate::util::failure::Failure;
use crate::util::paths::absolute;

/// Plans an export. The second value is why an export would refuse to start or to publish.
///
/// # Errors
/// When the list or the output path cannot be read, which leaves nothing to plan.
pub fn plan(
    job: &Job,
    date: Date,
    reporter: &mut Reporter,
) -> Result<(Plan, Option<Failure>), Failure> {
    let store = LocalStore::new(&job.output.path, &job.output.table_root)?;
    let counted = count(&job.accounts, reporter);
    reporter.finish();
    let (counts, scan) = counted?;
    warn_about_runs_of_other_dates(job, &store);
    let found = inspect(&store, &OutputTarget::new(job))?;
    if let Some(replaced) = &found.moved_aside {
        let replaced = replaced.display();
        warn!(%replaced, "an interrupted run moved the previous snapshot aside; the next export restores it");
    }
    let previous = found.publishable.map_err(Failure::from).and_then(|()| Ok(found.previous?));
    let findings = Findings {
        scan: &scan,
        distinct_accounts: counts.distinct_accounts,
        previous: previous.as_ref().ok().and_then(Option::as_ref),
        is_active: found.active_run.is_some(),
    };
    let ResumeInspection { resume, parts, refusal } =
        inspect_unfinished_run(job, &store, findings, date);
    let may_start = previous.and_then(|previous| {
        let rows_at_most = counts.distinct_accounts;
        let totals = ListTotals { rows_at_most, ..ListTotals::new(&job.accounts.path, &scan) };
        Ok(ensure_list_is_exportable(&job.limits, &totals, previous.as_ref())?)
    });
    // In the order of an export, which cleans up after a published run before it checks anything.
    let has_published = resume.state == ResumeState::HasPublished;
    let refusal = may_start.err().filter(|_| !has_published).or(refusal);
    let new_run = work_left(counts.distinct_accounts, &[], job.output.accounts_per_part);
    let plan = Plan {
        job: job.name.clone(),
        date: date.to_string(),
        snapshot: absolute(&job.output.path).display().to_string(),
        calls: new_run.calls_left,
        parts: new_run.parts_left,
        accounts_per_part: job.output.accounts_per_part,
        calls_per_second: job.api.calls_per_second,
        minimum_seconds: minimum_seconds(new_run.calls_left, job.api.calls_per_second),
        size: SizeEstimate::new(counts.distinct_accounts, known_rows(job, &parts)),
        free_bytes: free_bytes(&job.output.path),
        snapshot_exists: found.occupant != Occupant::Nothing,
        if_exists: match job.output.if_exists {
            IfExists::Replace => "replace",
            IfExists::Fail => "fail",
        },
        account_list: counts,
        resume,
        run_at_work: found.active_run,
        refusal: refusal.as_ref().map(Failure::text),
        exit_code: refusal.as_ref().map_or(ExitCode::Published, |failure| failure.code).number(),
    };
    Ok((plan, refusal))
}

/// Reads the list twice, as an export does.
fn count(source: &ListSource, reporter: &mut Reporter) -> Result<(ListCounts, Scan), Failure> {
    // Standard input is spooled there, since the work directory may not exist yet.
    let list = AccountList::open(source, &std::env::temp_dir())?;
    let mut first_invalid = Vec::new();
    let mut keep_first = |invalid: &InvalidAccount| {
        if first_invalid.len() < SHOWN_INVALID {
            first_invalid.push(InvalidEntry::from(invalid));
        }
        Ok(())
    };
    let scan = list.scan(&mut keep_first, &mut |entries| reporter.scanning(entries))?;
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
