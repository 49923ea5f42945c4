//! Checks everything that an export needs, with one real call.

mod call;
mod finding;
mod probe_client;
mod secret;

use std::path::Path;

use self::finding::Finding;
use super::inspect::{Inspection, OutputTarget, inspect};
use super::limits::{ListTotals, PreviousSnapshot, ensure_list_is_exportable, may_be_too_short};
use crate::accounts::{AccountList, DistinctAccounts, ListPath};
use crate::job::Job;
use crate::report::check::{Check, Checks, Subject};
use crate::snapshot::store::WorkDirectoryError;
use crate::snapshot::store::local::LocalStore;
use crate::snapshot::unfinished_run::find_damage;
use crate::util::exit_code::ExitCode;
use crate::util::failure::Failure;
use crate::util::paths::relative_to_here;

/// Makes all checks of a job and passes each to `on_check` at once, since the next one may take time. The second value is
/// the failure with which an export would end.
///
/// # Errors
/// When this machine does not allow the call to be tried.
pub fn check(
    path: &Path,
    job: Result<Job, Failure>,
    on_check: &mut dyn FnMut(&Check),
) -> Result<(Checks, Result<(), Failure>), Failure> {
    let mut checklist = Checklist { on_check, checks: Vec::new(), failed: Vec::new() };
    let name = match job {
        Ok(job) => {
            checklist.add(Subject::Job, Finding::passed(path.display().to_string()));
            check_job(&job, &mut checklist)?;
            Some(job.name)
        }
        Err(failure) => {
            checklist.add(Subject::Job, failure.into());
            checklist.skip(&Subject::ALL[1..], "the job failed");
            None
        }
    };
    Ok(checklist.finish(name))
}

fn check_job(job: &Job, checklist: &mut Checklist<'_>) -> Result<(), Failure> {
    let output = LocalStore::new(&job.output.path, &job.output.table_root).map(|work| {
        let found = inspect(&work, &OutputTarget::new(job));
        (work, found)
    });
    let found = output.as_ref().ok().and_then(|(_, found)| found.as_ref().ok());
    let previous = found.and_then(|found| found.previous.as_ref().ok()?.as_ref());
    let (found, account) =
        check_list(job, previous).unwrap_or_else(|failure| (failure.into(), None));
    checklist.add(Subject::Accounts, found);
    let (found, sig_source) = secret::check_secret(job);
    checklist.add(Subject::Secret, found);
    checklist.add(Subject::Output, check_output(output).unwrap_or_else(Finding::from));
    let of_call = [Subject::Call, Subject::Tags, Subject::Clock];
    match (account, sig_source) {
        (None, _) => checklist.skip(&of_call, "the account list failed"),
        (_, None) => checklist.skip(&of_call, "the secret failed"),
        (Some(account), Some(sig_source)) => {
            let findings = call::check_service(job, sig_source, &account)?;
            for (subject, found) in of_call.into_iter().zip(findings) {
                checklist.add(subject, found);
            }
        }
    }
    Ok(())
}

/// The checks so far.
struct Checklist<'c> {
    on_check: &'c mut dyn FnMut(&Check),
    checks: Vec<Check>,
    /// What failed, with the exit code of an export.
    failed: Vec<(Subject, ExitCode)>,
}

/// The order in which an export would find a failure; the first one ends it.
const EXPORT_ORDER: [Subject; 7] = [
    Subject::Job,
    Subject::Secret,
    Subject::Output,
    Subject::Accounts,
    Subject::Call,
    Subject::Tags,
    Subject::Clock,
];

impl Checklist<'_> {
    fn add(&mut self, subject: Subject, found: Finding) {
        let Finding { status, text, code } = found;
        self.failed.extend(code.map(|code| (subject, code)));
        let check = Check { subject, status, text };
        (self.on_check)(&check);
        self.checks.push(check);
    }

    fn skip(&mut self, subjects: &[Subject], reason: &str) {
        for subject in subjects {
            self.add(*subject, Finding::skipped(reason));
        }
    }

    fn finish(self, job: Option<String>) -> (Checks, Result<(), Failure>) {
        let Checklist { checks, failed, .. } = self;
        let position = |(failed, _): &&(Subject, ExitCode)| {
            EXPORT_ORDER.iter().position(|subject| subject == failed)
        };
        let code = failed.iter().min_by_key(position).map(|(_, code)| *code);
        let exit_code = code.unwrap_or(ExitCode::Published).number();
        let names: Vec<&str> = failed.iter().map(|(subject, _)| subject.name()).collect();
        let result = code.map_or(Ok(()), |code| {
            let error = format!("not ready to export, failed: {}", names.join(", "));
            Err(Failure::new(code, error))
        });
        (Checks { job, exit_code, checks }, result)
    }
}

/// Reads the list as an export does before its first call, and returns its first valid account for the call. If there is
/// none, the call requests the administrator, so that it is tried nevertheless.
fn check_list(
    job: &Job,
    earlier: Option<&PreviousSnapshot>,
) -> Result<(Finding, Option<String>), Failure> {
    let administrator = Some(job.api.identifier.clone());
    let ListPath::File(path) = &job.accounts.path else {
        let text =
            "are standard input, which is left to the export; the call asks for the administrator";
        return Ok((Finding::skipped(text), administrator));
    };
    // A file is not spooled.
    let list = AccountList::open(&job.accounts, path)?;
    let scan = list.scan(&mut |_| Ok(()), &mut |_| {})?;
    let first = list.first_account()?;
    let path = relative_to_here(path);
    let mut totals = ListTotals::new(&job.accounts.path, &scan);
    if may_be_too_short(&job.limits, &scan, earlier) {
        totals.rows_at_most = list.distinct(&scan).and_then(DistinctAccounts::count)?;
    }
    if let Err(refusal) = ensure_list_is_exportable(&job.limits, &totals, earlier) {
        let account = first.map(|account| account.name.to_string()).or(administrator);
        return Ok((Failure::from(refusal).into(), account));
    }
    Ok(match first {
        Some(account) => {
            let text = format!("{path} can be read, its first is {:?}", &*account.name);
            (Finding::passed(text), Some(account.name.to_string()))
        }
        None => {
            let text = format!(
                "{path} holds no valid account, so the snapshot would have no rows; the call asks for the administrator"
            );
            (Finding::note(text), administrator)
        }
    })
}

type InspectedOutput =
    Result<(LocalStore, Result<Inspection, WorkDirectoryError>), WorkDirectoryError>;

/// Tries to write where an export would, and looks for anything that would prevent it from publishing.
fn check_output(output: InspectedOutput) -> Result<Finding, Failure> {
    let (work, found) = output?;
    work.ensure_writable()?;
    let found = found?;
    let path = work.output_path();
    if let Some(holder) = found.active_run {
        return Err(WorkDirectoryError::Locked { path: path.to_owned(), holder }.into());
    }
    found.publishable?;
    found.previous?;
    if let Some(damage) = find_damage(&work)? {
        return Err(damage.into());
    }
    let text = format!("{} can be written and published", relative_to_here(path));
    Ok(match found.moved_aside {
        None => Finding::passed(text),
        Some(replaced) => Finding::note(format!(
            "{text}; a stopped run moved the earlier snapshot to {}, the next export puts it back",
            relative_to_here(&replaced)
        )),
    })
}

impl From<Failure> for Finding {
    fn from(failure: Failure) -> Finding {
        Finding::failed(failure.code, failure.text())
    }
}
