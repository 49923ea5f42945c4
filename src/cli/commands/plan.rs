//! `plan`: prints what an export would do.

use super::print::print;
use crate::cli::{Flags, PlanArgs};
use crate::export::load_job;
use crate::export::plan::plan as plan_export;
use crate::observability::progress::Reporter;
use crate::util::failure::Failure;

/// Prints the plan of a job. Fails with what an export would refuse.
pub fn plan(args: &PlanArgs, flags: &Flags, reporter: &mut Reporter) -> Result<(), Failure> {
    let (job, date) = load_job(&args.job, &flags.overrides, flags.date)?;
    let (plan, refusal) = plan_export(&job, date, reporter)?;
    let here = std::env::current_dir().unwrap_or_default();
    print(if args.json { plan.to_json() + "\n" } else { plan.to_text(&here) })?;
    refusal.map_or(Ok(()), Err)
}
