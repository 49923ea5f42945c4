//! What an export would find and do before its first call, as `plan` and `check` report it.

use jiff::civil::Date;

use super::counted_list::{CountedList, INTERACTIVE_PATIENCE};
use super::inspect::{Access, Environment};
use super::limits::{ListTotals, ensure_list_is_exportable};
use super::outlook::Outlook;
use super::problem::{Effect, Problems};
use super::resume::published_run;
use super::unfinished::{Findings, RunSource};
use super::warning::Warning;
use crate::job::Job;
use crate::observability::progress::Reporter;
use crate::report::subject::Subject;
use crate::snapshot::store::Store;
use crate::snapshot::unfinished_run::find_damage;

/// The findings of all steps; a step that was not possible has none.
pub struct Preflight {
    pub access: Access,
    pub list: Option<CountedList>,
    pub outlook: Option<Outlook>,
    /// In the order in which an export meets them.
    pub problems: Problems,
}

impl Preflight {
    /// Reads everything that an export reads before its first call. Takes no lock and changes nothing. `reads_list` is off
    /// for a list that can be read only once.
    pub fn inspect(job: &Job, date: Date, reads_list: bool, reporter: &mut Reporter) -> Preflight {
        let job = &impatient(job);
        let mut access = Access::inspect(job);
        let mut problems = std::mem::take(&mut access.problems);
        let store = access.store.clone();
        let is_refused = |(_, effect): (usize, &Effect)| matches!(effect, Effect::Refuses(_));
        // Every further request to a bucket that refuses one would only repeat the problem.
        let is_out_of_reach = problems.of(Subject::Output).any(is_refused);
        let store = store.as_deref().filter(|it| it.keeps_parts_on_disk() || !is_out_of_reach);
        // An export that only has to clean up looks no further.
        let has_published = store.is_some_and(|store| has_published(store, date));
        let environment = store.filter(|_| !has_published);
        let environment = environment.map(|store| Environment::inspect(job, store));
        let previous = environment.and_then(|environment| {
            problems.append(environment.problems);
            environment.previous
        });
        let list = reads_list.then(|| CountedList::read(&job.accounts, reporter));
        reporter.finish();
        let list = list.and_then(|list| problems.keep(Subject::Accounts, list));
        if let (None, Some(store)) = (&list, store) {
            inspect_damage(store, &access, &mut problems);
        }
        let outlook = list.as_ref().zip(store).map(|(list, store)| {
            let findings = Findings {
                scan: &list.scan,
                accounts_to_request: list.counts.accounts_to_request,
                previous: previous.as_ref(),
                date,
                source: if access.active_run.is_some() {
                    RunSource::Opened
                } else {
                    RunSource::Idle
                },
            };
            if !has_published {
                inspect_list(job, findings, &mut problems);
            }
            Outlook::inspect(job, store, findings, access.given_usersig.as_ref(), &mut problems)
        });
        Preflight { access, list, outlook, problems }
    }
}

/// The job of somebody who waits for the result of an inspection.
fn impatient(job: &Job) -> Job {
    let mut job = job.clone();
    if let Some(bucket) = &mut job.output.bucket {
        let patience = &mut bucket.patience.outage_patience;
        *patience = INTERACTIVE_PATIENCE.min(*patience);
    }
    job
}

/// Whether the run of this date has published, and only its cleanup was interrupted. An error is one of the unfinished run.
fn has_published(store: &dyn Store, date: Date) -> bool {
    published_run(store).ok().flatten().is_some_and(|header| header.date == date.to_string())
}

/// Finds what is damaged in the unfinished run where the rest of it is unknown without a list.
fn inspect_damage(store: &dyn Store, access: &Access, problems: &mut Problems) {
    if access.active_run.is_some() {
        return;
    }
    if let Some(Some(damage)) = problems.keep(Subject::Resume, find_damage(store)) {
        problems.refuse(Subject::Resume, damage);
    }
}

fn inspect_list(job: &Job, findings: Findings<'_>, problems: &mut Problems) {
    let rows_at_most = findings.accounts_to_request;
    let totals = ListTotals { rows_at_most, ..ListTotals::new(&job.accounts.path, findings.scan) };
    let exportable = ensure_list_is_exportable(&job.limits, &totals, findings.previous);
    for warning in &findings.scan.warnings {
        problems.warn(Subject::Accounts, Warning::List { warning: warning.clone() });
    }
    let is_exportable = problems.keep(Subject::Accounts, exportable).is_some();
    if is_exportable && findings.scan.valid == 0 {
        problems.warn(Subject::Accounts, Warning::NoValidAccount);
    }
}
