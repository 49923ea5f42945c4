//! Runs of the same job for other dates: one that was stopped before midnight, or one that is active now.

use std::collections::BTreeMap;

use super::content::changed_settings;
use super::resume_command::{overrides_list, resume_command_of_other_date};
use super::warning::Warning;
use crate::job::Job;
use crate::snapshot::layout::snapshot_name;
use crate::snapshot::store::{LockState, Store};
use crate::snapshot::unfinished_run::UnfinishedRun;
use crate::util::paths::absolute;

/// A warning for each of them, with what to do about it. What cannot be read does not keep this run from starting.
pub fn runs_of_other_dates(job: &Job, store: &dyn Store) -> Vec<Warning> {
    let mut warnings = Vec::new();
    let Some(dated_path) = &job.dated_output else { return warnings };
    let beside = store.root().ancestors().nth(dated_path.depth_below_date() + 1);
    let mut found = BTreeMap::new();
    // A run of version 0.1.0 is beside its snapshot.
    for directory in [beside, Some(dated_path.directory())].into_iter().flatten() {
        for name in store.names_in(directory).unwrap_or_default() {
            found.extend(dated_path.other_date(snapshot_name(&name).unwrap_or(&name)));
        }
    }
    for (date, output_path) in found {
        let Ok(store) = store.at(&output_path, &job.output.table_root) else { continue };
        let Ok(Some(run)) = UnfinishedRun::read(&*store) else { continue };
        if run.checkpoint.header.date != date.to_string() {
            continue;
        }
        let directory = absolute(store.root());
        let directory = directory.display().to_string();
        let date = date.to_string();
        let resume_command = resume_command_of_other_date(&date);
        let before_resuming = before_resuming(job, &run);
        warnings.push(match store.lock_state() {
            LockState::Held(holder) => Warning::ActiveRunOfOtherDate { directory, date, holder },
            LockState::Unknown(holder) => Warning::UncertainRunOfOtherDate {
                directory,
                holder,
                resume_command,
                before_resuming,
            },
            LockState::Free => {
                Warning::UnfinishedRunOfOtherDate { directory, resume_command, before_resuming }
            }
        });
    }
    warnings
}

/// What has to be changed in the command first: it repeats the options of this process, not those of that run.
fn before_resuming(job: &Job, run: &UnfinishedRun) -> Option<String> {
    let changed = changed_settings(job, run);
    match changed.is_empty() {
        false => Some(format!("use the settings of that run, since {}", changed.join(", "))),
        true if overrides_list() => Some("use the account list of that run".to_owned()),
        true => None,
    }
}
