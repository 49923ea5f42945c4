//! The jobs that come with the program are jobs: each loads as it is, with no secret at hand.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use im_profiles::internals::ColumnType;
use im_profiles::internals::{Compression, Format, IfExists};
use im_profiles::internals::{ListFormat, ListPath};
use im_profiles::job::{Job, Limit, SecretSource, Target};
use jiff::civil::date;

fn directory(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn load(name: &str) -> Job {
    let path = directory("jobs").join(name);
    Job::load(&path, &[], date(2026, 11, 22)).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn every_job_loads_and_has_a_unique_name() {
    let mut names = HashSet::new();
    for entry in fs::read_dir(directory("jobs")).unwrap() {
        let file = entry.unwrap().file_name().into_string().unwrap();
        if file == "job.schema.json" {
            continue;
        }
        let job = load(&file);
        assert_eq!(format!("{}.toml", job.name.trim_end_matches("-profiles")), file);
        assert!(names.insert(job.name));
    }
    assert!(names.len() >= 3, "{names:?}");
}

#[test]
fn sample_needs_only_this_repository() {
    let job = load("sample.toml");
    assert_eq!(job.api.target, Target::Emulator);
    assert_eq!(job.api.secret, SecretSource::EmulatorKey);
    assert_eq!(job.accounts.path, ListPath::File(directory("jobs/../sample_data/accounts.csv")));
    assert_eq!(job.output.path, directory("jobs/../exports/sample/dt=2026-11-22"));
    let types: Vec<ColumnType> = job.columns.iter().map(|column| column.column_type).collect();
    use ColumnType::{Date, Int64, String, Uint64};
    assert_eq!(types, [String, String, Date, Int64, String, Uint64]);
}

#[test]
fn nightly_job_lists_the_defaults() {
    let job = load("nightly.toml");
    assert_eq!(job.api.secret, SecretSource::KeyEnv("IM_SECRET_KEY".to_owned()));
    let sample = load("sample.toml");
    assert_eq!(job.limits, sample.limits);
    let defaults = load("backfill-csv.toml").retry;
    assert_eq!(job.retry.max_attempts, defaults.max_attempts);
    assert_eq!(job.retry.initial_backoff, defaults.initial_backoff);
    assert_eq!(job.retry.max_backoff, defaults.max_backoff);
    assert_eq!(job.api.identifier, sample.api.identifier);
    assert_eq!(job.api.max_in_flight, sample.api.max_in_flight);
    assert_eq!(job.api.timeout, sample.api.timeout);
    assert_eq!(job.output.format, sample.output.format);
    assert_eq!(job.output.compression, sample.output.compression);
    assert_eq!(job.output.if_exists, sample.output.if_exists);
    assert_eq!(job.output.accounts_per_part, 250_000);
}

#[test]
fn nightly_job_runs_against_the_emulator_with_one_override() {
    let overrides = ["api.emulator=true".to_owned()];
    let job = Job::load(&directory("jobs/nightly.toml"), &overrides, date(2026, 11, 22)).unwrap();
    assert_eq!(job.api.target, Target::Emulator);
    assert_eq!(job.api.secret, SecretSource::EmulatorKey);
}

#[test]
fn backfill_replaces_every_date_placeholder() {
    let job = load("backfill-csv.toml");
    let list = PathBuf::from("/data/backfill/accounts-2026-11-22.ndjson.gz");
    assert_eq!(job.accounts.path, ListPath::File(list));
    assert_eq!(job.accounts.format, Some(ListFormat::Ndjson));
    assert_eq!(job.output.path, PathBuf::from("/data/exports/backfill/dt=2026-11-22"));
    assert_eq!((job.output.format, job.output.compression), (Format::Csv, Compression::Gzip));
    assert_eq!(job.output.if_exists, IfExists::Fail);
    assert_eq!(job.limits.max_failed, Limit::Count(100));
}

/// What the sample is for: some duplicates, one id that cannot be an account, all others as accounts are.
#[test]
fn sample_list_fills_every_section_of_the_report() {
    const LONGEST_ACCOUNT_BYTES: usize = 32;
    let mut reader = csv::Reader::from_path(directory("sample_data/accounts.csv")).unwrap();
    let accounts: Vec<String> =
        reader.records().map(|record| record.unwrap()[0].to_owned()).collect();
    let (valid, invalid): (Vec<&String>, Vec<&String>) =
        accounts.iter().partition(|account| account.len() <= LONGEST_ACCOUNT_BYTES);
    let distinct: HashSet<&&String> = valid.iter().collect();
    assert_eq!((accounts.len(), invalid.len(), distinct.len()), (12_000, 1, 11_979));
    assert!(
        accounts.iter().all(|account| account.bytes().all(|byte| (b' '..=b'~').contains(&byte)))
    );
    assert!(accounts.iter().any(|account| account.contains(',')));
    assert!(accounts.iter().any(|account| account.starts_with('0')));
}

#[test]
fn small_lists_contain_the_same_accounts() {
    let read = |name: &str| fs::read_to_string(directory("sample_data").join(name)).unwrap();
    let txt: Vec<String> = read("accounts.txt").lines().map(str::to_owned).collect();
    let ndjson: Vec<String> = read("accounts.ndjson")
        .lines()
        .map(|line| {
            serde_json::from_str::<serde_json::Value>(line).unwrap()["account"]
                .as_str()
                .unwrap()
                .to_owned()
        })
        .collect();
    assert_eq!((txt.len(), &txt), (20, &ndjson));
}
