//! Whether the calls of a run can be made before its deadline and before its UserSig expires.

use std::time::Duration;

use super::problem::Problems;
use super::usersig::{GivenUserSig, UserSigError};
use crate::api::response::MAX_ACCOUNTS_PER_CALL;
use crate::report::plan::{RemainingWork, minimum_seconds};
use crate::report::subject::Subject;
use crate::util::exit_code::{ExitCode, HasExitCode};
use crate::util::failure::Failure;
use crate::util::human::{counted, duration_text};

/// The calls take longer than the job allows, at its own rate limit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DeadlineError {
    /// Every run would make the same calls again.
    #[error(
        "limits.deadline ({deadline}) is shorter than the {needed} that the calls of one part take at {rate} per second, so no run would complete a part; raise limits.deadline, or lower output.accounts_per_part"
    )]
    ShorterThanPart { deadline: String, needed: String, rate: String },
    #[error(
        "limits.deadline ({deadline}) is shorter than the {needed} that the calls take at {rate} per second; the run stops at the deadline and the same command resumes it, or raise limits.deadline"
    )]
    ShorterThanRun { deadline: String, needed: String, rate: String },
}

impl HasExitCode for DeadlineError {
    fn exit_code(&self) -> ExitCode {
        ExitCode::TryAgainLater
    }
}

/// What is left to do, and the limits on its time.
#[derive(Debug, Clone, Copy)]
pub struct TimeNeeded<'t> {
    pub left: RemainingWork,
    pub accounts_per_part: u64,
    /// 0 means unlimited.
    pub calls_per_second: u32,
    pub deadline: Option<Duration>,
    pub given_usersig: Option<&'t GivenUserSig>,
    /// This machine's clock, in Unix seconds.
    pub now: u64,
}

impl TimeNeeded<'_> {
    /// The earlier of two stops comes first.
    pub fn inspect(self, problems: &mut Problems) {
        let of_deadline = self.ensure_before_deadline();
        if let Err(error @ DeadlineError::ShorterThanPart { .. }) = of_deadline {
            return problems.refuse(Subject::Time, error);
        }
        let of_usersig = self.ensure_usersig_lasts();
        if self.is_deadline_first() {
            stop_at(problems, Subject::Time, of_deadline.err());
            stop_at(problems, Subject::Secret, of_usersig.err());
        } else {
            stop_at(problems, Subject::Secret, of_usersig.err());
            stop_at(problems, Subject::Time, of_deadline.err());
        }
    }

    /// Minimum time of all calls; 0 without a rate limit.
    pub fn seconds(self) -> f64 {
        minimum_seconds(self.left.calls_left, self.calls_per_second).unwrap_or_default()
    }

    fn ensure_before_deadline(self) -> Result<(), DeadlineError> {
        let Some(deadline) = self.deadline else { return Ok(()) };
        let calls_per_second = self.calls_per_second;
        let rate = counted(calls_per_second.into(), "call");
        let part = self.left.accounts_left.min(self.accounts_per_part);
        let calls_of_part = part.div_ceil(MAX_ACCOUNTS_PER_CALL as u64);
        // The first call is made at once.
        let seconds_of_part =
            minimum_seconds(calls_of_part.saturating_sub(1), calls_per_second).unwrap_or_default();
        let available = deadline.as_secs_f64();
        let deadline = duration_text(available);
        if available < seconds_of_part {
            let needed = duration_text(seconds_of_part);
            return Err(DeadlineError::ShorterThanPart { deadline, needed, rate });
        }
        if available < self.seconds() {
            let needed = duration_text(self.seconds());
            return Err(DeadlineError::ShorterThanRun { deadline, needed, rate });
        }
        Ok(())
    }

    fn ensure_usersig_lasts(self) -> Result<(), UserSigError> {
        let makes_calls = self.left.calls_left > 0;
        let given = self.given_usersig.filter(|_| makes_calls);
        given.map_or(Ok(()), |usersig| usersig.ensure_lasts(self.now, self.seconds()))
    }

    fn is_deadline_first(self) -> bool {
        let expires_at = self.given_usersig.map_or(u64::MAX, |usersig| usersig.expires_at);
        let left = expires_at.saturating_sub(self.now);
        self.deadline.is_some_and(|deadline| deadline.as_secs() < left)
    }
}

fn stop_at(problems: &mut Problems, subject: Subject, error: Option<impl Into<Failure>>) {
    if let Some(error) = error {
        problems.stop(subject, error);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::unfinished::work_left;

    fn texts(accounts: u64, deadline: Option<u64>, lifetime: Option<u64>) -> Vec<String> {
        let now = 1_700_000_000;
        let given_usersig = lifetime.map(|lifetime| GivenUserSig {
            variable: "IM_USERSIG".to_owned(),
            expires_at: now + lifetime,
        });
        let mut problems = Problems::default();
        TimeNeeded {
            left: work_left(accounts, &[], 10_000),
            accounts_per_part: 10_000,
            calls_per_second: 10,
            deadline: deadline.map(Duration::from_secs),
            given_usersig: given_usersig.as_ref(),
            now,
        }
        .inspect(&mut problems);
        let planned = problems.planned();
        planned
            .iter()
            .map(|it| format!("{} {}: {}", it.effect.label(), it.exit_code, it.text))
            .collect()
    }

    #[test]
    fn a_deadline_shorter_than_a_part_is_refused() {
        // 100 calls a part at 10 per second: 9.9 s from the first call to the last.
        insta::assert_snapshot!(texts(25_000, Some(9), None).join("\n"), @"refused 75: limits.deadline (9 s) is shorter than the 9.9 s that the calls of one part take at 10 calls per second, so no run would complete a part; raise limits.deadline, or lower output.accounts_per_part");
        // The only part is small.
        assert!(texts(2_000, Some(9), None).is_empty());
    }

    #[test]
    fn the_earlier_of_two_stops_comes_first() {
        assert!(texts(25_000, Some(25), Some(25)).is_empty());
        insta::assert_snapshot!(texts(25_000, Some(20), Some(15)).join("\n"), @"
        stops 4: IM_USERSIG holds a UserSig that expires in 15 s, but the calls take at least 25 s; sign one that is valid for longer, or the run stops and the same command resumes it with a new one
        stops 75: limits.deadline (20 s) is shorter than the 25 s that the calls take at 10 calls per second; the run stops at the deadline and the same command resumes it, or raise limits.deadline
        ");
        assert!(texts(25_000, Some(15), Some(20))[0].starts_with("stops 75"));
    }
}
