//! What the rounds of a run add up to: counts and the manifest.

use std::path::{Path, PathBuf};

use jiff::Timestamp;

use crate::accounts::{ListPath, Scan};
use crate::job::Job;
use crate::pipeline::call_stats::CallStats;
use crate::report::summary::ResultSummary;
use crate::snapshot::journal::Checkpoint;
use crate::snapshot::manifest::{
    AccountListInfo, ColumnInfo, Counts, FailureCounts, JobInfo, MANIFEST_VERSION, Manifest,
    PartInfo, RunInfo,
};
use crate::snapshot::sidecars::Category;
use crate::table::ColumnType;
use crate::table::rows::ACCOUNT_COLUMN;
use crate::util::timestamp::rfc3339_seconds;

/// What the rounds so far add up to.
pub fn results_of(checkpoint: &Checkpoint, scan: &Scan, calls: CallStats) -> ResultSummary {
    let mut failures = FailureCounts::default();
    let rounds = &checkpoint.rounds;
    for (index, round) in rounds.iter().enumerate() {
        let is_last = index + 1 == rounds.len();
        let failed = round.parts.values().flat_map(|part| &part.failed);
        // Accounts that failed in an earlier round and were asked again are counted where they ended.
        failures.add_all(failed.filter(|failed| is_last || !failed.category.counts_as_failed()));
    }
    let failed = failures.total();
    if scan.invalid > 0 {
        failures.add(Category::InvalidAccount, None, scan.invalid);
    }
    let parts = checkpoint.parts();
    let list_end = rounds.first().and_then(|round| round.end);
    let counts = Counts {
        accounts_in_list: scan.valid + scan.invalid,
        rows: parts.iter().map(|part| part.rows).sum(),
        failed,
        duplicates: list_end.map_or(0, |end| end.duplicates),
        invalid: scan.invalid,
        rejected_values: parts.iter().map(|part| part.rejected_values).sum(),
    };
    ResultSummary {
        counts,
        failures: failures.into_summaries(),
        parts: parts.len() as u64,
        bytes: parts.iter().map(|part| part.file_info.bytes).sum(),
        calls,
    }
}

/// The manifest of what is published.
pub fn manifest_of(
    job: &Job,
    checkpoint: &Checkpoint,
    scan: &Scan,
    result: &ResultSummary,
) -> Manifest {
    let account = ColumnInfo {
        name: ACCOUNT_COLUMN.to_owned(),
        column_type: ColumnType::String.name().to_owned(),
        tag: None,
    };
    let columns = job.columns.iter().map(|column| ColumnInfo {
        name: column.name.clone(),
        column_type: column.column_type.name().to_owned(),
        tag: Some(column.tag.clone()),
    });
    let begin = &checkpoint.header;
    Manifest {
        version: MANIFEST_VERSION,
        generator: concat!("im-profiles ", env!("CARGO_PKG_VERSION")).to_owned(),
        job: JobInfo { name: job.name.clone() },
        run: RunInfo {
            id: begin.run_id.clone(),
            date: begin.date.clone(),
            started_at: begin.started_at.clone(),
            finished_at: rfc3339_seconds(Timestamp::now()),
        },
        account_list: AccountListInfo {
            path: list_path(&job.accounts.path),
            sha256: scan.sha256.clone(),
        },
        counts: result.counts,
        columns: std::iter::once(account).chain(columns).collect(),
        parts: checkpoint.parts().iter().map(PartInfo::from).collect(),
        calls: result.calls.into(),
        failures: result.failures.clone(),
    }
}

fn list_path(path: &ListPath) -> String {
    match path {
        ListPath::File(path) => absolute(path).display().to_string(),
        ListPath::Stdin => "-".to_owned(),
    }
}

/// The path without detours, as far as it exists.
pub fn absolute(path: &Path) -> PathBuf {
    let found = path.ancestors().find_map(|above| {
        let known = if above.as_os_str().is_empty() { Path::new(".") } else { above };
        let mut absolute = known.canonicalize().ok()?;
        absolute.extend(path.strip_prefix(above).ok()?);
        Some(absolute)
    });
    found.unwrap_or_else(|| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_absolute_whether_or_not_it_is_there() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().canonicalize().unwrap();
        std::fs::create_dir(root.join("jobs")).unwrap();
        let detour = absolute(&root.join("jobs/../jobs")).display().to_string();
        assert_eq!(detour, root.join("jobs").display().to_string());
        assert_eq!(absolute(&root.join("jobs/../exports/dt=1")), root.join("exports/dt=1"));
        let here = Path::new(".").canonicalize().unwrap();
        assert_eq!(absolute(Path::new("surely-not/here")), here.join("surely-not/here"));
    }
}
