use std::sync::Arc;
use std::time::Duration;

use arrow_array::{ArrayRef, RecordBatch, StringArray, UInt64Array};
use proptest::prelude::*;

use super::*;
use crate::pipeline::events::{CallOutcome, Event};
use crate::snapshot::manifest::{
    AccountListInfo, CallInfo, ColumnInfo, Counts, FailureSummary, JobInfo, PartInfo, RunInfo,
};
use crate::snapshot::parts::CommittedPart;
use crate::snapshot::sidecars::{Category, LinesFormat};
use crate::table::statistics::{ColumnStatistics, TableStatistics};
use crate::table::{Column, ColumnType, schema};
use crate::util::staged_file::FileInfo;

const HOSTILE: &str = "<script>alert('1')</script>\"><img onerror=y>\u{202e}\n\0&amp;";

fn manifest(counts: Counts, calls: CallInfo) -> Manifest {
    let column = |name: &str, tag: Option<&str>| ColumnInfo {
        name: name.to_owned(),
        column_type: "string".to_owned(),
        tag: tag.map(str::to_owned),
    };
    Manifest {
        version: 1,
        generator: "im-profiles 0.0.0".to_owned(),
        job: JobInfo { name: "nightly".to_owned() },
        run: RunInfo {
            id: "00000000000000aa".to_owned(),
            date: "2026-11-22".to_owned(),
            started_at: "2026-11-22T03:00:00Z".to_owned(),
            finished_at: "2026-11-22T05:04:30Z".to_owned(),
        },
        account_list: AccountListInfo {
            path: "-".to_owned(),
            sha256: "ab".to_owned(),
            files: 1,
            ..AccountListInfo::default()
        },
        counts,
        columns: vec![
            column("account", None),
            column("gender", Some("Tag_Profile_IM_Gender")),
            column("tier", Some("Tag_Profile_Custom_Tier")),
        ],
        parts: vec![PartInfo {
            file: "part-00000.parquet".to_owned(),
            first_ordinal: 0,
            accounts: counts.rows + counts.failed,
            rows: counts.rows,
            bytes: 1_234_567,
            sha256: "ab".to_owned(),
        }],
        calls,
        failures: Vec::new(),
    }
}

fn counts(rows: u64) -> Counts {
    Counts { accounts_in_list: rows, rows, ..Counts::default() }
}

/// Statistics of rows of an account, a gender and a tier.
fn totals(rows: &[(&str, Option<&str>, u64)]) -> ColumnTotals {
    let column =
        |tag: &str, column_type| Column { tag: tag.to_owned(), name: tag.to_owned(), column_type };
    let schema = schema(&[
        column("Tag_Profile_IM_Gender", ColumnType::String),
        column("Tag_Profile_Custom_Tier", ColumnType::Uint64),
    ]);
    let arrays: Vec<ArrayRef> = vec![
        Arc::new(rows.iter().map(|row| Some(row.0)).collect::<StringArray>()),
        Arc::new(rows.iter().map(|row| row.1).collect::<StringArray>()),
        Arc::new(UInt64Array::from_iter_values(rows.iter().map(|row| row.2))),
    ];
    let mut statistics = TableStatistics::new(&schema);
    statistics.add(&RecordBatch::try_new(schema, arrays).unwrap());
    ColumnTotals { rows: rows.len() as u64, columns: statistics.into_columns() }
}

fn report<'r>(manifest: &'r Manifest, timeline: &'r Timeline) -> Report<'r> {
    Report {
        manifest,
        timeline,
        calls_started_at: "2026-11-22T03:00:01Z",
        resumed_at: None,
        worked_seconds: 5.2,
        columns: ColumnTotals::default(),
    }
}

fn call(timeline: &mut Timeline, at_seconds: f64, millis: u64, outcome: CallOutcome) {
    let (called_at, latency) = (Duration::from_secs_f64(at_seconds), Duration::from_millis(millis));
    timeline.on(&Event::CallEnded { called_at, latency, outcome });
}

/// A run with throttles, an outage of five minutes and a slow half hour.
fn long_run(hours: u32, calls_per_second: u32) -> Timeline {
    let mut random = fastrand::Rng::with_seed(7);
    let mut timeline = Timeline::default();
    let calls = hours * 3600 * calls_per_second;
    for n in 0..calls {
        let at = f64::from(n) / f64::from(calls_per_second);
        let share = f64::from(n) / f64::from(calls);
        let is_slowed = (0.2..0.3).contains(&share);
        if (0.5..0.5417).contains(&share) && n % 500 != 0 || is_slowed && random.u8(..3) > 0 {
            continue;
        }
        let slow = if (0.7..0.9).contains(&share) { 6.0 } else { 1.0 };
        let millis = (30.0 * slow * (1.0 + 3.0 * random.f64().powi(6))) as u64;
        let chance = random.f64();
        let outcome = match share {
            0.5..0.5417 => CallOutcome::Failed(None),
            0.18..0.2 if chance < 0.4 => CallOutcome::Throttled,
            _ if is_slowed && chance < 0.1 => CallOutcome::Throttled,
            _ if chance < 0.01 * slow => CallOutcome::Failed(Some(60014)),
            _ if chance > 0.998 => CallOutcome::Failed(Some(99_999)),
            _ => CallOutcome::Success,
        };
        let millis = if outcome == CallOutcome::Failed(None) { 10_000 } else { millis };
        call(&mut timeline, at, millis, outcome);
    }
    timeline
}

/// The page, after checking that it is well formed and fetches nothing.
#[track_caller]
fn checked(report: &Report<'_>) -> String {
    let html = page(report);
    assert_eq!(html, page(report), "the page is not the same each time");
    assert!(html.len() < 150_000, "{} bytes", html.len());
    assert!(html.contains(&format!("content=\"{POLICY}\"")));
    for forbidden in ["://", "src=", "url(", "@import", "<script", "NaN", "inf "] {
        assert!(!html.contains(forbidden), "{forbidden} in {html}");
    }
    let targets: Vec<&str> = html.split("href=").skip(1).collect();
    let is_own = |target: &&str| target.starts_with("\"data:,\"") || target.starts_with("\"_");
    assert!(targets.iter().all(is_own), "{targets:?}");
    for tag in ["section", "table", "dl", "ul", "li", "svg", "figure", "details", "bdi", "td", "th"]
    {
        let opened =
            html.matches(&format!("<{tag}>")).count() + html.matches(&format!("<{tag} ")).count();
        assert_eq!(opened, html.matches(&format!("</{tag}>")).count(), "<{tag}>");
    }
    html
}

#[test]
fn a_run_over_an_empty_list_has_a_page() {
    let manifest = manifest(counts(0), CallInfo { calls_per_second: 200, ..CallInfo::default() });
    let timeline = Timeline::default();
    let report = Report { columns: totals(&[]), ..report(&manifest, &timeline) };
    let html = checked(&report);
    assert!(html.contains("No call was made."));
    assert!(html.contains("0 of 0 rows"));
    assert!(!html.contains("<figure>"));
}

#[test]
fn a_single_call_has_no_chart() {
    let manifest =
        manifest(counts(1), CallInfo { made: 1, peak_calls_per_second: 1, ..CallInfo::default() });
    let mut timeline = Timeline::default();
    call(&mut timeline, 0.0, 20, CallOutcome::Success);
    let report = Report { columns: totals(&[("a", None, 3)]), ..report(&manifest, &timeline) };
    let html = checked(&report);
    assert!(!html.contains("<figure>"));
    assert!(html.contains("half of the calls took up to <b>20 ms</b>"), "{html}");
    assert!(html.contains("no limit"));
}

#[test]
fn long_runs_with_faults_have_charts_and_their_numbers() {
    for (hours, limit, calls_per_second) in [(2, 40, 40), (10, 10, 0)] {
        let timeline = long_run(hours, limit);
        let calls = timeline.whole().calls;
        let stats = CallInfo { made: calls.total(), calls_per_second, ..CallInfo::default() };
        let manifest = manifest(counts(1), stats);
        let html = checked(&report(&manifest, &timeline));
        assert_eq!(html.matches("<figure>").count(), 2);
        assert_eq!(
            html.contains("stroke=\"#000003\" stroke-width"),
            calls_per_second > 0,
            "a line for the limit"
        );
        assert!(html.contains("service timeout") || html.contains("account check timed out"));
        assert!(html.contains("an undocumented code"));
        let table = html.split_once("The same in numbers").unwrap().1;
        let rows = table.split_once("</table>").unwrap().0.matches("scope=\"row\"").count();
        assert!((6..=12).contains(&rows), "{rows} rows");
    }
}

#[test]
fn a_throttled_run_says_what_the_service_accepted() {
    let page_of = |throttled, learned: Option<u32>| {
        let stats = CallInfo {
            made: 14_000,
            throttled,
            calls_per_second: 200,
            learned_calls_per_second: learned,
            ..CallInfo::default()
        };
        let manifest = manifest(counts(5), stats);
        let html = checked(&report(&manifest, &Timeline::default()));
        let throttled =
            html.split_once("<dt>Throttled</dt><dd>").unwrap().1.split_once("</dd>").unwrap().0;
        let advice =
            html.split_once("Advice: ").map(|(_, rest)| rest.split_once("</p>").unwrap().0);
        (throttled.to_owned(), advice.map(str::to_owned))
    };
    let (throttled, advice) = page_of(0, None);
    insta::assert_snapshot!(throttled, @r#"<data data-manifest="/calls/throttled" value="0">0</data>"#);
    assert_eq!(advice, None);
    let (throttled, advice) = page_of(20, Some(196));
    insta::assert_snapshot!(throttled, @r#"<data data-manifest="/calls/throttled" value="20">20</data><small>0.1 % of the calls; about <data data-manifest="/calls/learned_calls_per_second" value="196">196</data> per second accepted</small>"#);
    assert_eq!(advice, None);
    let (throttled, advice) = page_of(300, Some(118));
    insta::assert_snapshot!(throttled, @r#"<data data-manifest="/calls/throttled" value="300">300</data><small>2.1 % of the calls; about <data data-manifest="/calls/learned_calls_per_second" value="118">118</data> per second accepted</small>"#);
    insta::assert_snapshot!(advice.unwrap(), @"the service accepted about 118 calls/s and throttled 2.1 % of the calls; set api.calls_per_second = 115, or raise the app's limit, which all of its callers share.");
}

#[test]
fn a_resumed_run_says_which_calls_it_counts() {
    let manifest = manifest(counts(5), CallInfo::default());
    let timeline = Timeline::default();
    let report =
        Report { resumed_at: Some("2026-11-22T04:00:00Z"), ..report(&manifest, &timeline) };
    let html = checked(&report);
    assert!(html.contains("resumed at 2026-11-22 04:00:00 UTC"));
    assert!(html.contains("No call was made since then."));
    assert!(html.contains("Counted over 0 of 5 rows"));
    assert!(html.contains("5.2 s of work, "), "{html}");
    let unbroken =
        checked(&Report { resumed_at: None, columns: totals(&[("a", None, 1); 5]), ..report });
    assert!(!unbroken.contains("notice\"") && !unbroken.contains("of work"));
}

#[test]
fn column_totals_leave_out_parts_without_statistics() {
    let part = |rows: u64, columns: Vec<ColumnStatistics>| CommittedPart {
        index: 0,
        file: String::new(),
        ordinals: 0..rows,
        accounts_digest: None,
        rows,
        file_info: FileInfo { bytes: 0, sha256: String::new(), etag: None },
        failed: Vec::new(),
        failed_lines: FileInfo { bytes: 0, sha256: String::new(), etag: None },
        rejected_lines: FileInfo { bytes: 0, sha256: String::new(), etag: None },
        lines_format: LinesFormat::Tsv,
        rejected_values: 0,
        columns,
    };
    let one = totals(&[("a", None, 1), ("bcd", Some("Gender_Type_Male"), 2)]);
    let two = totals(&[("é", Some("Gender_Type_Male"), 9)]);
    let parts = [part(2, one.columns), part(50, Vec::new()), part(1, two.columns)];
    let rows =
        [("a", None, 1), ("bcd", Some("Gender_Type_Male"), 2), ("é", Some("Gender_Type_Male"), 9)];
    assert_eq!(ColumnTotals::of(&parts), totals(&rows));
    assert_eq!(ColumnTotals::of(&parts[1..2]), ColumnTotals::default());
}

#[test]
fn only_values_that_many_accounts_share_are_shown() {
    let manifest = manifest(counts(60), CallInfo::default());
    let timeline = Timeline::default();
    let rows = |shared: usize| -> Vec<(&str, Option<&str>, u64)> {
        (0..60)
            .map(|n| ("personal", (n == 0).then_some("Gender_Type_Male"), (n / shared) as u64))
            .collect()
    };
    let html = |shared| {
        let columns = totals(&rows(shared));
        checked(&Report { columns, ..report(&manifest, &timeline) })
    };
    let shared_by_20 = html(20);
    assert!(!shared_by_20.contains("personal"), "an account was shown");
    assert!(shared_by_20.contains("<bdi>Gender_Type_Male</bdi>"), "a word of the service");
    assert!(shared_by_20.contains("<th scope=\"row\">2</th><td>20</td><td>33.3 %</td>"));
    let shared_by_10 = html(10);
    assert!(!shared_by_10.contains("<th scope=\"row\">2</th>"));
    assert!(shared_by_10.contains("6 distinct values"));
}

#[test]
fn hostile_texts_are_escaped() {
    let mut manifest = manifest(counts(1), CallInfo::default());
    manifest.job.name = HOSTILE.to_owned();
    manifest.account_list.path = HOSTILE.to_owned();
    for column in &mut manifest.columns[1..] {
        column.name = HOSTILE.to_owned();
    }
    manifest.columns[2].tag = Some(HOSTILE.to_owned());
    manifest.failures =
        vec![FailureSummary { category: Category::Rejected, error_code: Some(-1), accounts: 3 }];
    let timeline = Timeline::default();
    let columns = totals(&[("a", Some(HOSTILE), 1)]);
    let html = checked(&Report { columns, ..report(&manifest, &timeline) });
    assert!(!html.contains(['\0', '\u{202e}']) && !html.contains("<img"));
    assert!(html.matches("&lt;script&gt;alert(&#39;1&#39;)").count() >= 6, "{html}");
}

proptest! {
    #[test]
    fn the_name_of_a_job_cannot_change_the_markup(name in "\\PC{0,40}|[<>&\"' ]{0,20}") {
        let with = |name: &str| {
            let mut manifest = manifest(counts(1), CallInfo::default());
            manifest.job.name = name.to_owned();
            manifest.columns[1].name = name.to_owned();
            page(&report(&manifest, &Timeline::default()))
        };
        let markup = |html: &str| html.matches('<').count() + html.matches('"').count();
        prop_assert_eq!(markup(&with(&name)), markup(&with("nightly")));
    }
}
