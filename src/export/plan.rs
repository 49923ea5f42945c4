//! What an export would do, from the job, the account list and the disk alone.

use jiff::civil::Date;

use super::counted_list::CountedList;
use super::disk_space::rows_on_disk;
use super::outlook::Outlook;
use super::preflight::Preflight;
use super::unfinished::work_left;
use crate::job::{IfExists, Job};
use crate::observability::progress::Reporter;
use crate::report::plan::{Plan, PlannedScratch, minimum_seconds};
use crate::report::size::SizeEstimate;
use crate::snapshot::store::Occupant;
use crate::util::disk_space::free_bytes;
use crate::util::exit_code::ExitCode;
use crate::util::failure::Failure;
use crate::util::paths::absolute;

/// Plans an export. The second value is why an export would not publish.
///
/// # Errors
/// When the list or the output path cannot be read, which leaves nothing to plan.
pub fn plan(
    job: &Job,
    date: Date,
    reporter: &mut Reporter,
) -> Result<(Plan, Option<Failure>), Failure> {
    let Preflight { access, list, outlook, problems } =
        Preflight::inspect(job, date, true, reporter);
    let (Some(store), Some(list), Some(outlook)) = (&access.store, list, outlook) else {
        return Err(problems.into_failure().unwrap_or_else(nothing_to_plan));
    };
    let (requested, known) = (list.counts.accounts_to_request, outlook.known.clone());
    let mut plan = plan_of(job, date, list, outlook);
    // What cannot be read is among the problems.
    plan.snapshot_exists = store.occupant().is_ok_and(Occupant::may_be_replaced);
    plan.free_bytes = free_bytes(store.scratch());
    plan.scratch = (!store.keeps_parts_on_disk()).then(|| PlannedScratch {
        directory: store.scratch().display().to_string(),
        expected_bytes: SizeEstimate::new(
            rows_on_disk(job.output.accounts_per_part, requested),
            known,
        )
        .expected_bytes,
    });
    plan.run_at_work = access.active_run;
    plan.problems = problems.planned();
    let failure = problems.into_failure();
    plan.refusal = failure.as_ref().map(Failure::text);
    plan.exit_code = failure.as_ref().map_or(ExitCode::Published, |failure| failure.code).number();
    Ok((plan, failure))
}

fn plan_of(job: &Job, date: Date, list: CountedList, outlook: Outlook) -> Plan {
    let new_run = work_left(list.counts.accounts_to_request, &[], job.output.accounts_per_part);
    Plan {
        job: job.name.clone(),
        date: date.to_string(),
        snapshot: absolute(&job.output.path).display().to_string(),
        calls: new_run.calls_left,
        parts: new_run.parts_left,
        accounts_per_part: job.output.accounts_per_part,
        calls_per_second: job.api.calls_per_second,
        minimum_seconds: minimum_seconds(new_run.calls_left, job.api.calls_per_second),
        size: SizeEstimate::new(list.counts.accounts_to_request, outlook.known),
        free_bytes: None,
        scratch: None,
        snapshot_exists: false,
        if_exists: match job.output.if_exists {
            IfExists::Replace => "replace",
            IfExists::Fail => "fail",
        },
        account_list: list.counts,
        resume: outlook.resume,
        run_at_work: None,
        problems: Vec::new(),
        refusal: None,
        exit_code: 0,
    }
}

/// Without a list there is a problem that names the reason.
fn nothing_to_plan() -> Failure {
    Failure::new(ExitCode::InternalOrDisk, "the account list could not be read")
}
