//! The limit on open files, which a job with many calls in flight can reach.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tracing::debug;

use super::warning::Warning;
use crate::pipeline::OPEN_PARTS;

/// Files of an open part: the part, its buffered rows, its failed accounts.
const FILES_OF_PART: u64 = 3;

/// The list, the journal, the reports, standard streams, DNS and the files of the runtime.
const OTHER_FILES: u64 = 64;

/// What to do about the limit.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    Keep,
    /// The soft limit can be raised to this.
    Raise(u64),
    /// The hard limit, which has this value, is too low.
    TooLow(u64),
}

/// Raises the soft limit on open files to the hard one if the job needs it, and warns if that is not enough.
/// `with_emulator`: the other ends of the connections are in this process too.
pub fn raise_limit(max_in_flight: usize, with_emulator: bool) -> Option<Warning> {
    let needed = needed_files(max_in_flight, with_emulator);
    let limit = getrlimit(Resource::Nofile);
    let step = step_for(needed, limit);
    if let Step::Raise(files) | Step::TooLow(files) = step
        && limit.current != Some(files)
    {
        match setrlimit(Resource::Nofile, Rlimit { current: Some(files), maximum: limit.maximum }) {
            Ok(()) => debug!(files, "raised the limit on open files"),
            Err(_) => {
                return Some(Warning::OpenFiles { limit: limit.current.unwrap_or(files), needed });
            }
        }
    }
    match step {
        Step::TooLow(limit) => Some(Warning::OpenFiles { limit, needed }),
        Step::Keep | Step::Raise(_) => None,
    }
}

/// The largest number of files that a run opens: over HTTP/1.1, one connection for each call.
fn needed_files(max_in_flight: usize, with_emulator: bool) -> u64 {
    let connections = u64::try_from(max_in_flight).unwrap_or(u64::MAX);
    let ends = if with_emulator { 2 } else { 1 };
    connections.saturating_mul(ends).saturating_add(OPEN_PARTS as u64 * FILES_OF_PART + OTHER_FILES)
}

/// `None` means unlimited.
fn step_for(needed: u64, limit: Rlimit) -> Step {
    match (limit.current, limit.maximum) {
        (None, _) => Step::Keep,
        (Some(soft), _) if soft >= needed => Step::Keep,
        (Some(_), Some(hard)) if hard < needed => Step::TooLow(hard),
        (Some(_), Some(hard)) => Step::Raise(hard),
        (Some(_), None) => Step::Raise(needed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limit_is_raised_only_when_needed() {
        let step = |needed, current, maximum| step_for(needed, Rlimit { current, maximum });
        assert_eq!(step(320, Some(1024), Some(4096)), Step::Keep);
        assert_eq!(step(1024, Some(1024), Some(4096)), Step::Keep);
        assert_eq!(step(4000, None, None), Step::Keep);
        assert_eq!(step(4000, Some(1024), Some(4096)), Step::Raise(4096));
        assert_eq!(step(4000, Some(1024), None), Step::Raise(4000));
        assert_eq!(step(5000, Some(1024), Some(4096)), Step::TooLow(4096));
        assert_eq!(step(5000, Some(4096), Some(4096)), Step::TooLow(4096));
    }

    #[test]
    fn default_limits_are_enough_for_the_defaults() {
        assert!(needed_files(64, true) <= 1024);
        assert!(needed_files(4096, false) > 4096);
        assert!(needed_files(4096, true) > 8192);
    }
}
