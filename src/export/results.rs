//! The totals of a run's rounds, and the manifest made of them.

use jiff::Timestamp;

use crate::accounts::{DuplicateRemoval, ListPath, Scan};
use crate::job::Job;
use crate::pipeline::call_stats::CallStats;
use crate::report::accepted_rate::RateAdvice;
use crate::report::summary::ResultSummary;
use crate::snapshot::checkpoint::Checkpoint;
use crate::snapshot::manifest::{
    AccountListInfo, ColumnInfo, Counts, FailureCounts, JobInfo, MANIFEST_VERSION, Manifest,
    PartInfo, RunInfo,
};
use crate::snapshot::sidecars::Category;
use crate::table::ColumnType;
use crate::table::rows::ACCOUNT_COLUMN;
use crate::util::paths::absolute;
use crate::util::timestamp::rfc3339_seconds;

/// The totals of the rounds so far.
pub fn totals_of(checkpoint: &Checkpoint, scan: &Scan, calls_per_second: u32) -> ResultSummary {
    let mut failures = FailureCounts::default();
    let rounds = &checkpoint.rounds;
    for (index, round) in rounds.iter().enumerate() {
        let is_last = index + 1 == rounds.len();
        let failed = round.parts.values().flat_map(|part| &part.failed);
        // Accounts that failed in an earlier round and were retried are counted in the round in which they ended.
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
    let calls = CallStats::new(&checkpoint.totals, calls_per_second);
    ResultSummary {
        counts,
        failures: failures.into_summaries(),
        parts: parts.len() as u64,
        bytes: parts.iter().map(|part| part.file_info.bytes).sum(),
        calls,
        seconds_before: 0.0,
        suggested_calls_per_second: RateAdvice::new(&calls.into())
            .map(|advice| advice.calls_per_second),
    }
}

/// What the manifest says about the job.
#[derive(Debug, Clone)]
pub struct ManifestSource {
    job: String,
    account_list: String,
    duplicate_removal: DuplicateRemoval,
    columns: Vec<ColumnInfo>,
}

impl ManifestSource {
    pub fn new(job: &Job) -> ManifestSource {
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
        ManifestSource {
            job: job.name.clone(),
            account_list: match &job.accounts.path {
                ListPath::File(path) => absolute(path).display().to_string(),
                ListPath::Objects(list) => list.objects.to_string(),
                ListPath::Stdin => "-".to_owned(),
            },
            duplicate_removal: job.accounts.duplicates,
            columns: std::iter::once(account).chain(columns).collect(),
        }
    }

    /// The manifest of a snapshot that is published now.
    pub fn manifest(
        &self,
        checkpoint: &Checkpoint,
        scan: &Scan,
        totals: &ResultSummary,
    ) -> Manifest {
        let header = &checkpoint.header;
        Manifest {
            version: MANIFEST_VERSION,
            generator: concat!("im-profiles ", env!("CARGO_PKG_VERSION")).to_owned(),
            job: JobInfo { name: self.job.clone() },
            run: RunInfo {
                id: header.run_id.clone(),
                date: header.date.clone(),
                started_at: header.started_at.clone(),
                finished_at: rfc3339_seconds(Timestamp::now()),
            },
            account_list: AccountListInfo {
                path: self.account_list.clone(),
                sha256: scan.sha256.clone(),
                files: scan.files,
                duplicate_removal: self.duplicate_removal.name().to_owned(),
            },
            counts: totals.counts,
            columns: self.columns.clone(),
            parts: checkpoint.parts().iter().map(PartInfo::from).collect(),
            calls: totals.calls.into(),
            failures: totals.failures.clone(),
        }
    }
}
