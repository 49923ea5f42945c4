//! The work that remains of a run, and whether it can be done.

use super::known_rows::known_rows;
use super::needs::Needs;
use super::problem::Problems;
use super::unfinished::{Findings, ResumeInspection, inspect_unfinished_run};
use super::usersig::GivenUserSig;
use crate::job::Job;
use crate::report::plan::{Resume, ResumeState};
use crate::report::size::KnownRows;
use crate::snapshot::committed_files::uncommitted_bytes;
use crate::snapshot::store::Store;

/// The work that remains.
pub struct Outlook {
    pub resume: Resume,
    /// The rows from which sizes are estimated.
    pub known: KnownRows,
}

impl Outlook {
    /// Inspects the unfinished run, and what its work or that of a new run takes. An export does so before its first call.
    pub fn inspect(
        job: &Job,
        store: &dyn Store,
        findings: Findings<'_>,
        given_usersig: Option<&GivenUserSig>,
        problems: &mut Problems,
    ) -> Outlook {
        let ResumeInspection { resume, parts, problems: of_resume } =
            inspect_unfinished_run(job, store, findings);
        problems.append(of_resume);
        let known = known_rows(job, store, &parts);
        let makes_calls =
            !matches!(resume.state, ResumeState::HasPublished | ResumeState::HeldBack);
        if let Some(left) = resume.left.filter(|_| makes_calls) {
            let removable_bytes = uncommitted_bytes(store, &parts);
            let needs = Needs { left, known: &known, removable_bytes, given_usersig };
            needs.inspect(job, store, problems);
        }
        Outlook { resume, known }
    }
}
