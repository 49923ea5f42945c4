//! What a run that ends before its end keeps, and the error that reports it with the command that resumes the run.

use std::fmt;

use indicatif::HumanCount;
use jiff::Timestamp;

use super::resume_command::ResumeCommand;
use crate::api::error_codes::Fault;
use crate::api::outcome::CallFailure;
use crate::pipeline::RunError;
use crate::pipeline::events::Event;
use crate::snapshot::publish::PublishError;
use crate::snapshot::store::ReplaceError;
use crate::util::disk_error::RUN_AGAIN;
use crate::util::exit_code::{ExitCode, HasExitCode};
use crate::util::failure::{Failure, chain};
use crate::util::human::counted;
use crate::util::visible::visible;

/// The committed parts of the run, which are not requested again.
#[derive(Debug, Clone, Default)]
pub struct Kept {
    /// Parts of the rounds before this one.
    pub earlier_parts: u64,
    /// Parts of this round.
    pub parts: u64,
    /// Accounts of those.
    pub accounts: u64,
    /// Accounts of this round; duplicates are included until the list has been read.
    pub accounts_to_request: u64,
    pub accounts_per_part: u64,
}

impl Kept {
    pub fn on(&mut self, event: &Event) {
        match event {
            Event::PartCommitted(part) => {
                self.parts += 1;
                self.accounts += part.ordinals.end - part.ordinals.start;
            }
            Event::Progress(progress) => self.accounts_to_request = progress.accounts_to_request,
            _ => {}
        }
    }

    fn is_nothing(&self) -> bool {
        self.earlier_parts + self.parts == 0
    }
}

impl fmt::Display for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all_parts = self.accounts_to_request.div_ceil(self.accounts_per_part.max(1));
        f.write_str("kept ")?;
        if self.earlier_parts > 0 {
            let earlier = counted(self.earlier_parts, "part");
            write!(f, "{earlier} of earlier rounds, and of the retry of failed accounts ")?;
        }
        let (parts, accounts) = (HumanCount(self.parts), HumanCount(self.accounts));
        let (all_parts, all) =
            (counted(all_parts, "part"), counted(self.accounts_to_request, "account"));
        write!(f, "{parts} of {all_parts} ({accounts} of {all})")
    }
}

/// A UserSig that was signed elsewhere.
#[derive(Debug, Clone)]
pub struct ReadyUserSig {
    /// The environment variable that holds it.
    pub variable: String,
    /// When it expires, in UTC; `None` if it cannot be decoded.
    pub expires_at: Option<String>,
}

impl ReadyUserSig {
    /// How to replace it, if a new one fixes the failure.
    fn remedy(&self, failure: &CallFailure) -> Option<String> {
        let is_at_fault = matches!(
            failure.fault()?,
            Fault::Clock
                | Fault::Revocation
                | Fault::Signature
                | Fault::Key
                | Fault::Identifier
                | Fault::SdkAppId
        );
        let ReadyUserSig { variable, expires_at } = self;
        let validity = expires_at
            .as_ref()
            .map_or_else(String::new, |time| format!("; the present one {}", validity(time)));
        is_at_fault
            .then(|| format!("put a new UserSig into {variable} (api.usersig_env){validity}"))
    }
}

/// Until when a UserSig is, or was, valid that expires at this RFC 3339 time.
fn validity(expires_at: &str) -> String {
    let is_past = expires_at.parse::<Timestamp>().is_ok_and(|time| time < Timestamp::now());
    format!("{} valid until {expires_at}", if is_past { "was" } else { "is" })
}

/// The failure of a run that has made calls: what happened, how to fix it, what is kept and how to resume.
pub fn interrupted(
    error: &RunError,
    kept: &Kept,
    usersig: Option<&ReadyUserSig>,
    command: &ResumeCommand,
) -> Failure {
    let code = error.exit_code();
    let mut text = text_of(error, usersig);
    let is_stop = code.is_resumable();
    let is_resumable =
        is_stop || matches!(code, ExitCode::InternalOrDisk | ExitCode::RefusedByService);
    if is_stop || !kept.is_nothing() {
        text = format!("{}; {kept}", text.trim_end_matches(RUN_AGAIN));
        if is_resumable {
            text.push_str(&format!("; resume with: {command}"));
        }
    }
    Failure::new(code, text)
}

/// What happened and how to fix it.
pub fn text_of(error: &RunError, usersig: Option<&ReadyUserSig>) -> String {
    let remedy = match (error, usersig) {
        (RunError::Refused(failure), Some(usersig)) => {
            usersig.remedy(failure).map(|remedy| (failure, remedy))
        }
        _ => None,
    };
    match remedy {
        Some((failure, remedy)) => {
            visible(&format!("the service refused the call: {failure}; {remedy}")).into_owned()
        }
        None => chain(error),
    }
}

/// The failure of a run that was stopped before its first call.
pub fn with_resume_command(failure: Failure, command: &ResumeCommand) -> Failure {
    if !failure.error.is::<RunError>() || !failure.code.is_resumable() {
        return failure;
    }
    let text = failure.text();
    Failure::new(failure.code, format!("{text}; no call was made; resume with: {command}"))
}

/// The failure of a run that has all of its parts.
pub fn unpublished(error: PublishError, parts: u64, command: &ResumeCommand) -> Failure {
    let is_of_disk =
        matches!(error, PublishError::Disk(_) | PublishError::Replace(ReplaceError::Disk(_)));
    let failure = Failure::from(error);
    if !is_of_disk {
        return failure;
    }
    let text = failure.text();
    let (text, parts) = (text.trim_end_matches(RUN_AGAIN), counted(parts, "part"));
    let text = format!("{text}; kept all of the run, {parts}; resume with: {command}");
    Failure::new(failure.code, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expired_usersig_was_valid() {
        assert_eq!(validity("2001-01-01T00:00:00Z"), "was valid until 2001-01-01T00:00:00Z");
        assert_eq!(validity("9999-01-01T00:00:00Z"), "is valid until 9999-01-01T00:00:00Z");
    }
}
