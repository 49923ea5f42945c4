//! Where every key and every default ends up.

use std::path::Path;
use std::time::Duration;

use jiff::civil::date;

use super::*;
use crate::accounts::{ListFormat, ListPath};
use crate::api::endpoint::Endpoint;
use crate::job::{
    ApiSettings, DatedPath, Limit, Limits, MetricsSettings, RetrySettings, SecretSource, Target,
};
use crate::job::{Compression, Format, IfExists, OutputSettings};
use crate::table::{Column, ColumnType};

#[test]
fn every_key_is_read() {
    let job = load(FULL, &[]).unwrap();
    assert_eq!(job.name, "n");
    assert_eq!(job.accounts.path, ListPath::File("jobs/list.csv".into()));
    assert_eq!(job.accounts.format, Some(ListFormat::Csv));
    assert_eq!(job.accounts.column.as_deref(), Some("account"));
    let expected = ApiSettings {
        target: Target::Endpoint(Endpoint::of_region("china").unwrap()),
        sdkappid: 1_400_000_001,
        identifier: "admin".to_owned(),
        secret: SecretSource::KeyEnv("IM_SECRET_KEY".to_owned()),
        calls_per_second: 100,
        max_in_flight: 8,
        timeout: Duration::from_secs(5),
    };
    assert_eq!(job.api, expected);
    let column = |tag: &str, name: &str, column_type| Column {
        tag: tag.to_owned(),
        name: name.to_owned(),
        column_type,
    };
    let expected = [
        column("Tag_Profile_IM_Nick", "nick", ColumnType::String),
        column("Tag_Profile_Custom_Points", "points", ColumnType::Uint64),
    ];
    assert_eq!(job.columns, expected);
    let expected = OutputSettings {
        path: "jobs/out/dt=2026-11-22".into(),
        table_root: "jobs/out".into(),
        format: Format::Parquet,
        compression: Compression::Gzip,
        accounts_per_part: 1_000,
        if_exists: IfExists::Fail,
        bucket: None,
    };
    assert_eq!(job.output, expected);
    let expected = RetrySettings {
        max_attempts: 3,
        initial_backoff: Duration::from_millis(100),
        max_backoff: Duration::from_mins(1),
        outage_patience: Duration::from_hours(2),
    };
    assert_eq!(job.retry, expected);
    let expected = Limits {
        max_failed: Limit::PartsPerMillion(5_000),
        max_invalid: Limit::Count(7),
        max_not_found: Limit::PartsPerMillion(20_000),
        max_shrink: Limit::Off,
        allow_empty: true,
        deadline: Some(Duration::from_hours(4)),
    };
    assert_eq!(job.limits, expected);
    let dated = DatedPath::new(Path::new("jobs"), "out/dt={date}", date(2026, 11, 22));
    assert_eq!(job.dated_output, dated);
    assert_eq!(job.metrics.textfile, Some("jobs/im.prom".into()));
    assert_eq!(job.metrics.listen, Some("127.0.0.1:9187".parse().unwrap()));
}

#[test]
fn missing_keys_have_defaults() {
    let job = load(SHORT, &[]).unwrap();
    assert_eq!(job.accounts.format, Some(ListFormat::Txt));
    let expected = ApiSettings {
        target: Target::Emulator,
        sdkappid: 1_400_000_000,
        identifier: "administrator".to_owned(),
        secret: SecretSource::EmulatorKey,
        calls_per_second: 200,
        max_in_flight: 64,
        timeout: Duration::from_secs(10),
    };
    assert_eq!(job.api, expected);
    assert_eq!(job.columns[0].name, "Tag_Profile_IM_BirthDay");
    assert_eq!(job.columns[0].column_type, ColumnType::Int64);
    let expected = OutputSettings {
        path: "jobs/out".into(),
        table_root: "jobs/out".into(),
        format: Format::Parquet,
        compression: Compression::Zstd,
        accounts_per_part: 250_000,
        if_exists: IfExists::Replace,
        bucket: None,
    };
    assert_eq!(job.output, expected);
    let expected = RetrySettings {
        max_attempts: 6,
        initial_backoff: Duration::from_millis(500),
        max_backoff: Duration::from_secs(30),
        outage_patience: Duration::from_mins(30),
    };
    assert_eq!(job.retry, expected);
    let expected = Limits {
        max_failed: Limit::PartsPerMillion(10_000),
        max_invalid: Limit::PartsPerMillion(10_000),
        max_not_found: Limit::Off,
        max_shrink: Limit::PartsPerMillion(500_000),
        allow_empty: false,
        deadline: None,
    };
    assert_eq!(job.limits, expected);
    assert_eq!(job.dated_output, None);
    assert_eq!(job.metrics, MetricsSettings::default());
}
