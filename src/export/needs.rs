//! What the work that remains takes: disk space and time. An export inspects it before its first call, `plan` and `check` too.

use super::disk_space::SpaceNeeded;
use super::problem::Problems;
use super::service::unix_seconds;
use super::time_limits::TimeNeeded;
use super::usersig::GivenUserSig;
use crate::job::Job;
use crate::report::plan::RemainingWork;
use crate::report::size::KnownRows;
use crate::snapshot::store::Store;

#[derive(Debug, Clone, Copy)]
pub struct Needs<'n> {
    pub left: RemainingWork,
    /// The rows from which sizes are estimated.
    pub known: &'n KnownRows,
    /// Bytes of files that the run removes first.
    pub removable_bytes: u64,
    pub given_usersig: Option<&'n GivenUserSig>,
}

impl Needs<'_> {
    pub fn inspect(self, job: &Job, store: &dyn Store, problems: &mut Problems) {
        let Needs { left, known, removable_bytes, given_usersig } = self;
        let accounts_per_part = job.output.accounts_per_part;
        SpaceNeeded { left, accounts_per_part, known, removable_bytes }.inspect(store, problems);
        let calls_per_second = job.api.calls_per_second;
        let deadline = job.limits.deadline;
        let now = unix_seconds();
        TimeNeeded { left, accounts_per_part, calls_per_second, deadline, given_usersig, now }
            .inspect(problems);
    }
}
