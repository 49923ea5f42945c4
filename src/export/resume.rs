//! Whether an unfinished run can be resumed.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use jiff::civil::Date;
use sha2::{Digest, Sha256};
use tracing::{info, warn};

use crate::accounts::Scan;
use crate::job::{Job, Target};
use crate::snapshot::checkpoint::{Checkpoint, RunHeader};
use crate::snapshot::committed_files::{remove_uncommitted_files, verify_parts};
use crate::snapshot::journal::{Journal, JournalError};
use crate::snapshot::layout::{INVALID_ACCOUNTS_FILE, LOCK_FILE};
use crate::snapshot::manifest::{Manifest, ManifestError};
use crate::snapshot::store::PartFilesError;
use crate::snapshot::store::local::LocalStore;
use crate::snapshot::work_directory::WorkDirectory;
use crate::util::disk_error::DiskError;
use crate::util::exit_code::{ExitCode, HasExitCode};
use crate::util::hex::hex;

/// Why an unfinished run cannot be resumed. Each text ends with the fix.
#[derive(Debug, thiserror::Error)]
pub enum ResumeError {
    #[error(transparent)]
    Checkpoint(#[from] JournalError),
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// What is published at the output path cannot be read.
    #[error(transparent)]
    Unreadable(DiskError),
    #[error("the unfinished run in {} was started with another {changed}; use that again, or start over with --restart", .directory.display())]
    Changed { directory: PathBuf, changed: String },
    #[error(transparent)]
    PartFiles(#[from] PartFilesError),
}

impl HasExitCode for ResumeError {
    fn exit_code(&self) -> ExitCode {
        match self {
            ResumeError::Changed { .. } => ExitCode::BadUsage,
            ResumeError::Unreadable(error) if error.is_permanent() => ExitCode::BadUsage,
            _ => ExitCode::InternalOrDisk,
        }
    }
}

/// Returns the run in the work directory if it has published and only its cleanup was interrupted.
pub fn published_run(store: &LocalStore) -> Result<Option<RunHeader>, ResumeError> {
    let Some(header) = Journal::read_header(store)? else { return Ok(None) };
    let is_published = match Manifest::read(store.output_path()) {
        Ok(manifest) => manifest.is_some_and(|manifest| manifest.run.id == header.run_id),
        // A damaged manifest was not written by this run.
        Err(ManifestError::Damaged { .. }) => false,
        Err(ManifestError::Disk(error)) => return Err(ResumeError::Unreadable(error)),
    };
    Ok(is_published.then_some(header))
}

/// Warns about unfinished runs of other dates, such as one that was stopped before midnight: the names of their work
/// directories differ from this one in the date only.
pub fn warn_about_other_unfinished_runs(store: &LocalStore, date: Date) {
    let Some(own_name) = store.root().file_name().and_then(OsStr::to_str) else { return };
    for other in store.siblings() {
        // A journal that cannot be read does not keep this run from starting.
        let Ok(Some(header)) = Journal::read_header(&other) else { continue };
        let name_for_date = own_name.replace(&date.to_string(), &header.date);
        if other.root().file_name() == Some(OsStr::new(&name_for_date)) {
            warn!(
                directory = %other.root().display(),
                resume_command = format!("--date={}", header.date),
                "unfinished run of another date; resume it or remove its work directory"
            );
        }
    }
}

/// Resumes the run in the work directory, or starts the run of `header`. A run that has committed nothing keeps its id when
/// it starts over, since the log has used that id already.
pub fn open_journal(work: &WorkDirectory, header: RunHeader) -> Result<Journal, ResumeError> {
    let store = &**work.store();
    if let Some(journal) = Journal::open(store)? {
        let parts = journal.checkpoint().parts();
        if can_resume(store.root(), journal.checkpoint(), &header.content)? {
            verify_parts(store, &parts)?;
            remove_uncommitted_files(store, &parts)?;
            let started_at = &journal.checkpoint().header.started_at;
            info!(parts = parts.len(), started_at, "resuming unfinished run");
            return Ok(journal);
        }
    }
    work.reset(&[LOCK_FILE, INVALID_ACCOUNTS_FILE])?;
    Ok(Journal::create(store, header)?)
}

/// Whether a run with this content resumes the run of the checkpoint; if not, it starts over.
///
/// # Errors
/// With [`ResumeError::Changed`] when starting over would discard committed parts of another content.
pub fn can_resume(
    directory: &Path,
    checkpoint: &Checkpoint,
    content: &BTreeMap<String, String>,
) -> Result<bool, ResumeError> {
    match ensure_same_content(directory, &checkpoint.header.content, content) {
        // Starting over loses nothing, such as after the job was corrected.
        Err(ResumeError::Changed { .. }) if checkpoint.parts().is_empty() => Ok(false),
        same => same.map(|()| true),
    }
}

/// Everything that determines the content of the snapshot, under the name that a user knows.
pub fn content_of(job: &Job, scan: &Scan) -> BTreeMap<String, String> {
    let mut columns = String::new();
    for column in &job.columns {
        // Writing to a String cannot fail.
        let _ = write!(columns, "{} {} {}; ", column.tag, column.name, column.column_type.name());
    }
    let (target, emulator) = match &job.api.target {
        Target::Emulator => ("emulator".to_owned(), digest_of(&format!("{:?}", job.emulator))),
        Target::Endpoint(endpoint) => (endpoint.base_url.clone(), String::new()),
    };
    [
        ("account list", scan.sha256.clone()),
        ("accounts.column", format!("{:?}", job.accounts.column)),
        ("accounts.format", format!("{:?}", job.accounts.format)),
        ("api target", target),
        ("api.sdkappid", job.api.sdkappid.to_string()),
        ("columns", columns),
        ("output.format", job.output.part_extension().to_owned()),
        ("output.compression", format!("{:?}", job.output.compression)),
        ("output.accounts_per_part", job.output.accounts_per_part.to_string()),
        ("[emulator]", emulator),
    ]
    .into_iter()
    .map(|(key, value)| (key.to_owned(), value))
    .collect()
}

fn digest_of(text: &str) -> String {
    hex(&Sha256::digest(text.as_bytes()))
}

fn ensure_same_content(
    directory: &Path,
    before: &BTreeMap<String, String>,
    now: &BTreeMap<String, String>,
) -> Result<(), ResumeError> {
    let keys: std::collections::BTreeSet<&String> = before.keys().chain(now.keys()).collect();
    let changed: Vec<&str> = keys
        .into_iter()
        .filter(|key| before.get(*key) != now.get(*key))
        .map(String::as_str)
        .collect();
    if changed.is_empty() {
        return Ok(());
    }
    Err(ResumeError::Changed { directory: directory.to_owned(), changed: changed.join(" and ") })
}
