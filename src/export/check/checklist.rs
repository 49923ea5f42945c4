//! The checks so far, and the failure with which an export would end.

use super::finding::{Finding, Moment};
use crate::report::check::{Check, Checks};
use crate::report::subject::Subject;
use crate::util::exit_code::ExitCode;
use crate::util::failure::Failure;

pub struct Checklist<'c> {
    on_check: &'c mut dyn FnMut(&Check),
    checks: Vec<Check>,
    failed: Vec<Failed>,
}

/// A failed check.
struct Failed {
    subject: Subject,
    code: ExitCode,
    text: String,
    moment: Moment,
}

impl<'c> Checklist<'c> {
    pub fn new(on_check: &'c mut dyn FnMut(&Check)) -> Checklist<'c> {
        Checklist { on_check, checks: Vec::new(), failed: Vec::new() }
    }

    pub fn add(&mut self, subject: Subject, found: Finding) {
        let Finding { status, text, code, moment } = found;
        if let Some(code) = code {
            self.failed.push(Failed { subject, code, text: text.clone(), moment });
        }
        let exit_code = code.map_or(0, ExitCode::number);
        let check = Check { subject, status, exit_code, text };
        (self.on_check)(&check);
        self.checks.push(check);
    }

    pub fn skip(&mut self, subjects: &[Subject], reason: &str) {
        for subject in subjects {
            self.add(*subject, Finding::skipped(reason));
        }
    }

    /// Whether an export would end because of this subject before its first call.
    pub fn has_failed(&self, subject: Subject) -> bool {
        self.failed
            .iter()
            .any(|failed| failed.subject == subject && failed.moment < Moment::FirstCall)
    }

    pub fn finish(self, job: Option<String>) -> (Checks, Result<(), Failure>) {
        let Checklist { checks, failed, .. } = self;
        let first = failed.iter().min_by_key(|failed| failed.moment);
        let mut names: Vec<&str> = failed.iter().map(|failed| failed.subject.name()).collect();
        names.dedup();
        let exit_code = first.map_or(ExitCode::Published, |first| first.code).number();
        let reason = first.map(|first| first.text.clone());
        let result = first.map_or(Ok(()), |first| {
            let error = format!("not ready to export, failed: {}", names.join(", "));
            Err(Failure::new(first.code, error))
        });
        (Checks { job, exit_code, reason, checks }, result)
    }
}
