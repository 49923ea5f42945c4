//! `check`: tries out all that an export needs, with one real call.

mod call;
mod finding;
mod probe_client;
mod secret;

use std::io::{self, Write};

use self::finding::Finding;
use crate::accounts::{AccountList, DistinctAccounts, ListPath};
use crate::cli::{CheckArgs, Flags};
use crate::export::inspect::{Inspection, OutputTarget, inspect};
use crate::export::limits::{
    EarlierSnapshot, ListTotals, ensure_list_is_exportable, may_be_too_short,
};
use crate::export::load_job;
use crate::job::Job;
use crate::report::check::{Check, Checks, Subject};
use crate::snapshot::store::WorkDirectoryError;
use crate::snapshot::store::local::LocalStore;
use crate::util::exit_code::ExitCode;
use crate::util::failure::Failure;
use crate::util::paths::relative_to_here;

/// Makes all checks of a job. Fails as an export would with the first that failed.
pub fn check(args: &CheckArgs, flags: &Flags) -> Result<(), Failure> {
    let mut said = Said { as_json: args.json, checks: Vec::new(), failed: Vec::new() };
    let job = match load_job(&args.job, &flags.overrides, flags.date) {
        Ok((job, _)) => {
            said.say(Subject::Job, Finding::passed(args.job.display().to_string()));
            Some(job)
        }
        Err(failure) => {
            said.say(Subject::Job, failure.into());
            said.skip(&Subject::ALL[1..], "the job failed");
            None
        }
    };
    if let Some(job) = &job {
        check_job(job, &mut said)?;
    }
    said.end(job.map(|job| job.name))
}

fn check_job(job: &Job, said: &mut Said) -> Result<(), Failure> {
    let output = LocalStore::new(&job.output.path).map(|work| {
        let found = inspect(&work, &OutputTarget::new(job));
        (work, found)
    });
    let found = output.as_ref().ok().and_then(|(_, found)| found.as_ref().ok());
    let previous = found.and_then(|found| found.previous.as_ref().ok()?.as_ref());
    let (found, account) =
        check_list(job, previous).unwrap_or_else(|failure| (failure.into(), None));
    said.say(Subject::Accounts, found);
    let (found, sig_source) = secret::check_secret(job);
    said.say(Subject::Secret, found);
    said.say(Subject::Output, check_output(output).unwrap_or_else(Finding::from));
    let of_call = [Subject::Call, Subject::Tags, Subject::Clock];
    match (account, sig_source) {
        (None, _) => said.skip(&of_call, "the account list failed"),
        (_, None) => said.skip(&of_call, "the secret failed"),
        (Some(account), Some(sig_source)) => {
            let findings = call::check_service(job, sig_source, &account)?;
            for (subject, found) in of_call.into_iter().zip(findings) {
                said.say(subject, found);
            }
        }
    }
    Ok(())
}

/// What has been said so far.
struct Said {
    as_json: bool,
    checks: Vec<Check>,
    /// What failed, with how an export would end for it.
    failed: Vec<(Subject, ExitCode)>,
}

/// The order in which an export would come upon them; the first one ends it.
const ORDER_OF_EXPORT: [Subject; 7] = [
    Subject::Job,
    Subject::Secret,
    Subject::Output,
    Subject::Accounts,
    Subject::Call,
    Subject::Tags,
    Subject::Clock,
];

impl Said {
    /// Says a line at once: the next check may take its time.
    fn say(&mut self, subject: Subject, found: Finding) {
        let Finding { status, text, code } = found;
        self.failed.extend(code.map(|code| (subject, code)));
        let check = Check { subject, status, text };
        if !self.as_json {
            // A reader who has closed the pipe has heard enough.
            let _ = writeln!(io::stdout(), "{check}");
        }
        self.checks.push(check);
    }

    fn skip(&mut self, subjects: &[Subject], because: &str) {
        for subject in subjects {
            self.say(*subject, Finding::skipped(because));
        }
    }

    fn end(self, job: Option<String>) -> Result<(), Failure> {
        let Said { as_json, checks, failed } = self;
        let met_at = |(met, _): &&(Subject, ExitCode)| {
            ORDER_OF_EXPORT.iter().position(|subject| subject == met)
        };
        let code = failed.iter().min_by_key(met_at).map(|(_, code)| *code);
        if as_json {
            let exit_code = code.unwrap_or(ExitCode::Published).number();
            let _ = writeln!(io::stdout(), "{}", Checks { job, exit_code, checks }.to_json());
        }
        let Some(code) = code else { return Ok(()) };
        let names: Vec<&str> = failed.iter().map(|(subject, _)| subject.name()).collect();
        let error = format!("not ready to export, failed: {}", names.join(", "));
        Err(Failure::new(code, error))
    }
}

/// Reads the list as an export does before its first call, and picks its first valid account for the call. Where there
/// is none, the call requests the administrator, so that it can be tried all the same.
fn check_list(
    job: &Job,
    earlier: Option<&EarlierSnapshot>,
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

/// Tries to write where the export would, and looks for what would keep it from publishing.
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
