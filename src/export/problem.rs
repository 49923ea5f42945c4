//! Problems of an export that are known before its first call. `export`, `plan` and `check` find them by the same code.

use tracing::warn;

use super::warning::Warning;
use crate::report::plan::{PlannedEffect, PlannedProblem};
use crate::report::subject::Subject;
use crate::util::failure::{Failure, chain};

/// What an export does about a problem.
#[derive(Debug)]
pub enum Effect {
    /// It logs the warning.
    Warns(Warning),
    /// It makes calls and then ends with this failure.
    Stops(Failure),
    /// It makes no call and ends with this failure.
    Refuses(Failure),
}

#[derive(Debug)]
pub struct Problem {
    pub subject: Subject,
    pub effect: Effect,
}

/// The problems of a job, in the order in which an export meets them.
#[derive(Debug, Default)]
pub struct Problems(Vec<Problem>);

impl Problems {
    pub fn warn(&mut self, subject: Subject, warning: Warning) {
        self.0.push(Problem { subject, effect: Effect::Warns(warning) });
    }

    pub fn stop(&mut self, subject: Subject, failure: impl Into<Failure>) {
        self.0.push(Problem { subject, effect: Effect::Stops(failure.into()) });
    }

    pub fn refuse(&mut self, subject: Subject, failure: impl Into<Failure>) {
        self.0.push(Problem { subject, effect: Effect::Refuses(failure.into()) });
    }

    /// The value of a step; its failure is a refusal.
    pub fn keep<T>(
        &mut self,
        subject: Subject,
        result: Result<T, impl Into<Failure>>,
    ) -> Option<T> {
        result.map_err(|failure| self.refuse(subject, failure)).ok()
    }

    pub fn append(&mut self, later: Problems) {
        self.0.extend(later.0);
    }

    /// The effects of the problems of a subject, with their place among all problems.
    pub fn of(&self, subject: Subject) -> impl Iterator<Item = (usize, &Effect)> {
        let numbered = self.0.iter().enumerate();
        let of_subject = numbered.filter(move |(_, problem)| problem.subject == subject);
        of_subject.map(|(place, problem)| (place + 1, &problem.effect))
    }

    /// Whether an export would make no call.
    pub fn refusal(&self) -> Option<&Failure> {
        self.0.iter().find_map(|problem| match &problem.effect {
            Effect::Refuses(failure) => Some(failure),
            Effect::Stops(_) | Effect::Warns(_) => None,
        })
    }

    /// The failure with which an export would end: the first refusal, else the first stop.
    pub fn into_failure(self) -> Option<Failure> {
        let mut stop = None;
        for problem in self.0 {
            match problem.effect {
                Effect::Refuses(failure) => return Some(failure),
                Effect::Stops(failure) => stop = stop.or(Some(failure)),
                Effect::Warns(_) => {}
            }
        }
        stop
    }

    /// Ends an export that has a refusal.
    ///
    /// # Errors
    /// The first refusal.
    pub fn end_if_refused(self) -> Result<Problems, Failure> {
        if self.refusal().is_none() {
            return Ok(self);
        }
        self.into_failure().map_or_else(|| Ok(Problems::default()), Err)
    }

    /// The problems except the refusals of a subject, which the export meets later.
    pub fn without_refusals_of(self, subject: Subject) -> Problems {
        let is_met_later = |problem: &Problem| {
            problem.subject == subject && matches!(problem.effect, Effect::Refuses(_))
        };
        Problems(self.0.into_iter().filter(|problem| !is_met_later(problem)).collect())
    }

    /// Logs them.
    pub fn log(self) {
        for problem in self.0 {
            match problem.effect {
                Effect::Warns(warning) => warning.log(),
                Effect::Stops(failure) | Effect::Refuses(failure) => {
                    let (exit_code, reason) = (failure.code.number(), failure.text());
                    warn!(exit_code, reason, "this run is expected to stop before it publishes");
                }
            }
        }
    }

    /// As `plan` reports them.
    pub fn planned(&self) -> Vec<PlannedProblem> {
        let planned = self.0.iter().map(|Problem { subject, effect }| {
            let (effect, exit_code, text) = match effect {
                Effect::Warns(warning) => (PlannedEffect::Warns, 0, chain(warning)),
                Effect::Stops(failure) => {
                    (PlannedEffect::Stops, failure.code.number(), failure.text())
                }
                Effect::Refuses(failure) => {
                    (PlannedEffect::Refuses, failure.code.number(), failure.text())
                }
            };
            PlannedProblem { subject: *subject, effect, exit_code, text }
        });
        planned.collect()
    }
}
