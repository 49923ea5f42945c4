//! Warnings about a job that are known before the first call. An export logs them, `plan` and `check` list them.

use tracing::warn;

use crate::accounts::{ListWarning, WarningKind};

/// Something that does not keep a run from publishing. Each text ends with the fix.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Warning {
    #[error(
        "the metrics textfile cannot be written, and the snapshot is published without it: {error}"
    )]
    Textfile { error: String },
    #[error(
        "the limit on open files is {limit}, and api.max_in_flight takes {needed}, so calls may fail; raise the limit (ulimit -n, LimitNOFILE= of systemd, --ulimit nofile of a container), or lower api.max_in_flight"
    )]
    OpenFiles { limit: u64, needed: u64 },
    #[error(
        "{directory} has {} free, and the snapshot takes about {}; free some space or the run may stop",
        indicatif::HumanBytes(*.free_bytes), indicatif::HumanBytes(*.estimated_bytes)
    )]
    DiskSpace { free_bytes: u64, estimated_bytes: u64, directory: String },
    #[error("the previous snapshot {snapshot} has no manifest; limits.max_shrink is not applied")]
    NoManifest { snapshot: String },
    #[error(
        "the manifest {manifest} of the previous snapshot is damaged ({problem}); limits.max_shrink is not applied"
    )]
    DamagedManifest { manifest: String, problem: String },
    #[error(
        "every user of this machine can read the secret key in {file}; restrict the file with chmod 600"
    )]
    ExposedKey { file: String },
    #[error("the account list contains no valid account, so the snapshot would have no rows")]
    NoValidAccount,
    #[error("{warning}{}", advice_on(warning))]
    List { warning: ListWarning },
    #[error(
        "an interrupted run moved the previous snapshot aside to {replaced}; the next export restores it"
    )]
    MovedAside { replaced: String },
    #[error(
        "a run of another date is active in {directory} ({date}; {holder}); the calls of both count towards the rate limit of the app"
    )]
    ActiveRunOfOtherDate { directory: String, date: String, holder: String },
    #[error(
        "the run of another date in {directory} is unfinished and may be active on another host ({holder}); resume it if it has ended there: {resume_command}{}", first(.before_resuming)
    )]
    UncertainRunOfOtherDate {
        directory: String,
        holder: String,
        resume_command: String,
        before_resuming: Option<String>,
    },
    #[error(
        "the run of another date in {directory} is unfinished; resume it with: {resume_command}{}; or remove its work directory", first(.before_resuming)
    )]
    UnfinishedRunOfOtherDate {
        directory: String,
        resume_command: String,
        before_resuming: Option<String>,
    },
}

/// What to do before a command is run, behind it.
fn first(before: &Option<String>) -> String {
    before.as_ref().map_or_else(String::new, |before| format!(" (first {before})"))
}

fn advice_on(warning: &ListWarning) -> &'static str {
    match warning.kind {
        WarningKind::RepeatedHeader => "; keep the header only once where files are concatenated",
        WarningKind::MarkedRecord => "; write a byte order mark at most at the start of the list",
        _ => "; they are requested as they are, so correct what writes the list if it is wrong",
    }
}

impl Warning {
    /// Logs it; `docs/logs.md` lists the messages.
    pub fn log(&self) {
        match self {
            Warning::Textfile { error } => warn!(error, "the metrics textfile cannot be written"),
            Warning::OpenFiles { limit, needed } => warn!(
                limit,
                needed,
                "the limit on open files is too low for api.max_in_flight, so calls may fail"
            ),
            Warning::DiskSpace { free_bytes, estimated_bytes, directory } => warn!(
                free_bytes,
                estimated_bytes,
                directory,
                "not enough free disk space for the snapshot; free some space or the run may stop"
            ),
            Warning::NoManifest { snapshot } => warn!(
                snapshot,
                "the previous snapshot has no manifest; limits.max_shrink is not applied"
            ),
            Warning::DamagedManifest { manifest, problem } => warn!(
                manifest,
                problem,
                "the manifest of the previous snapshot is damaged; limits.max_shrink is not applied"
            ),
            Warning::ExposedKey { file } => warn!(
                file,
                "every user of this machine can read the secret key; restrict the file with chmod 600"
            ),
            Warning::NoValidAccount => warn!("the account list contains no valid account"),
            Warning::List { warning } => log_list_warning(warning),
            Warning::MovedAside { replaced } => warn!(
                replaced,
                "an interrupted run moved the previous snapshot aside; the next export restores it"
            ),
            Warning::ActiveRunOfOtherDate { directory, date, holder } => warn!(
                directory,
                date,
                holder,
                "a run of another date is active; the calls of both count towards the rate limit of the app"
            ),
            Warning::UncertainRunOfOtherDate {
                directory,
                holder,
                resume_command,
                before_resuming,
            } => warn!(
                directory,
                holder,
                resume_command,
                before_resuming,
                "unfinished run of another date, which may be active on another host; resume it if it has ended there"
            ),
            Warning::UnfinishedRunOfOtherDate { directory, resume_command, before_resuming } => {
                warn!(
                    directory,
                    resume_command,
                    before_resuming,
                    "unfinished run of another date; resume it, or remove its work directory"
                )
            }
        }
    }
}

fn log_list_warning(ListWarning { kind, records, first }: &ListWarning) {
    match kind {
        WarningKind::RepeatedHeader => warn!(
            records,
            %first,
            "records that repeat the header of the account list are skipped"
        ),
        WarningKind::MarkedRecord => warn!(
            records,
            %first,
            "byte order marks before records of the account list are skipped"
        ),
        problem => warn!(
            records,
            %problem,
            %first,
            "accounts of the list look wrong and are requested as they are"
        ),
    }
}
