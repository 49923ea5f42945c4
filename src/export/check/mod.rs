//! Checks everything that an export needs, with one real call.

mod call;
mod checklist;
mod finding;
mod probe_client;
mod subjects;

use std::path::Path;

use jiff::civil::Date;

use self::checklist::Checklist;
use self::finding::{Finding, Moment};
use self::subjects::SubjectFindings;
use super::preflight::Preflight;
use crate::accounts::ListPath;
use crate::job::Job;
use crate::observability::progress::Reporter;
use crate::report::check::{Check, Checks};
use crate::report::subject::Subject;
use crate::util::failure::Failure;

/// Subjects of the call.
const OF_CALL: [Subject; 3] = [Subject::Call, Subject::Tags, Subject::Clock];

/// Makes all checks of a job and passes each to `on_check` at once, since the next one may take time. The second value is
/// the failure with which an export would end.
pub fn check(
    path: &Path,
    job: Result<(Job, Date), Failure>,
    reporter: &mut Reporter,
    on_check: &mut dyn FnMut(&Check),
) -> (Checks, Result<(), Failure>) {
    let mut checklist = Checklist::new(on_check);
    let name = match job {
        Ok((job, date)) => {
            checklist.add(Subject::Job, Finding::passed(path.display().to_string()));
            check_job(&job, date, reporter, &mut checklist);
            Some(job.name)
        }
        Err(failure) => {
            checklist.add(Subject::Job, failure.into());
            checklist.skip(&Subject::ALL[1..], "the job failed");
            None
        }
    };
    checklist.finish(name)
}

fn check_job(job: &Job, date: Date, reporter: &mut Reporter, checklist: &mut Checklist<'_>) {
    let reads_list = job.accounts.path != ListPath::Stdin;
    let mut preflight = Preflight::inspect(job, date, reads_list, reporter);
    let sig_source = preflight.access.sig_source.take();
    let findings = SubjectFindings { job, preflight: &preflight };
    for subject in Subject::ALL {
        for finding in findings.of(subject) {
            checklist.add(subject, finding);
        }
    }
    // Without a list, or a valid account in it, the call requests the administrator, so that it is tried nevertheless.
    let list = preflight.list.as_ref();
    if list.is_none() && reads_list {
        return checklist.skip(&OF_CALL, "the account list failed");
    }
    let account = list.and_then(|list| list.first.clone());
    let account = account.unwrap_or_else(|| job.api.identifier.clone());
    let is_secret_usable = !checklist.has_failed(Subject::Secret);
    let Some(sig_source) = sig_source.filter(|_| is_secret_usable) else {
        return checklist.skip(&OF_CALL, "the secret failed");
    };
    match call::check_service(job, sig_source, &account) {
        Ok(findings) => {
            for (subject, found) in OF_CALL.into_iter().zip(findings) {
                checklist.add(subject, found);
            }
        }
        Err(failure) => {
            let moment = Moment::BeforeCalls(usize::MAX);
            checklist.add(Subject::Call, Finding::failed_at(moment, failure.code, failure.text()));
            checklist.skip(&OF_CALL[1..], "the call failed");
        }
    }
}

/// What fails first of all.
impl From<Failure> for Finding {
    fn from(failure: Failure) -> Finding {
        Finding::failed_at(Moment::BeforeCalls(0), failure.code, failure.text())
    }
}
