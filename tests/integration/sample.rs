//! The sample job through the built binary: what it publishes, down to types and values.

use std::collections::{BTreeSet, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

use crate::support::{EmulatorServer, Known, Output, QUICK_JOB, Snapshot, TestDir, settings_of};
use im_profiles::job::Job;
use jiff::civil::date;
use parquet::file::reader::{FileReader, SerializedFileReader};
use sha2::{Digest, Sha256};

const SNAPSHOT: &str = "dt=2026-11-22";

fn repository(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// Runs the sample job with its snapshot in the directory.
fn run_sample(directory: &TestDir, more: &[&str]) -> Output {
    let job = repository("jobs/sample.toml");
    let output = format!("output.path={}/dt={{date}}", directory.root().display());
    let arguments =
        ["export", job.to_str().unwrap(), "--date", "2026-11-22", "--set", output.as_str()];
    directory.run(&[&arguments, more].concat())
}

/// Without the limit of rate and with little latency, and without the fault that depends on how calls are made.
const QUICK: [&str; 8] = [
    "--set",
    "api.calls_per_second=0",
    "--set",
    "emulator.rate.portrait_get=0",
    "--set",
    "emulator.faults.reset.rate=0",
    "--set",
    "emulator.faults.latency_ms=0",
];

fn sample(more: &[&str]) -> (TestDir, Snapshot) {
    let directory = TestDir::new();
    run_sample(&directory, more).expect_code(0);
    let snapshot = directory.snapshot(SNAPSHOT);
    (directory, snapshot)
}

/// The distinct accounts of the sample's list that can be ones, each with its line.
fn listed() -> Vec<(String, u64)> {
    let mut seen = HashSet::new();
    let mut reader = csv::Reader::from_path(repository("sample_data/accounts.csv")).unwrap();
    let mut listed = Vec::new();
    for record in reader.records() {
        let record = record.unwrap();
        if record[0].len() <= 32 && seen.insert(record[0].to_owned()) {
            listed.push((record[0].to_owned(), record.position().unwrap().line()));
        }
    }
    listed
}

#[test]
fn every_account_has_its_expected_outcome() {
    let (_directory, snapshot) = sample(&[]);
    let job = Job::load(&repository("jobs/sample.toml"), &[], date(2026, 11, 22)).unwrap();
    Known::of(&job, listed())
        .with_interchangeable_transient_failures()
        .ensure_is(&snapshot, "sample");
    insta::assert_snapshot!(snapshot.manifest()["counts"], @r##"
{"accounts_in_list":12000,"duplicates":20,"failed":75,"invalid":1,"rejected_values":10,"rows":11904}
"##);
}

#[test]
fn columns_have_the_types_and_tags_of_the_job() {
    let (_directory, snapshot) = sample(&QUICK);
    for part in snapshot.parts() {
        let schema = snapshot.schema(&part);
        let columns: Vec<String> = schema
            .fields()
            .iter()
            .map(|field| {
                let null = if field.is_nullable() { "nullable" } else { "never null" };
                let tag =
                    field.metadata().get("tag").map_or(String::new(), |tag| format!(" {tag}"));
                format!("{}: {} {null}{tag}", field.name(), field.data_type())
            })
            .collect();
        insta::allow_duplicates! {
            insta::assert_snapshot!(columns.join("\n"), @r##"
account: Utf8 never null
nick: Utf8 nullable Tag_Profile_IM_Nick
gender: Utf8 nullable Tag_Profile_IM_Gender
birth_day: Date32 nullable Tag_Profile_IM_BirthDay
level: Int64 nullable Tag_Profile_IM_Level
self_signature: Utf8 nullable Tag_Profile_IM_SelfSignature
points: UInt64 nullable Tag_Profile_Custom_Points
"##);
        }
    }
}

/// The pattern of parquet-java, `(.*?)\s+version\s*(?:([^(]*?)\s*(?:\(\s*build\s*([^)]*?)\s*\))?)?`, which warns about others.
#[test]
fn parts_name_the_version_and_the_build() {
    let (directory, snapshot) = sample(&QUICK);
    let version = directory.run(&["--version"]).expect_code(0).stdout;
    let (version, build) = version
        .trim_end()
        .strip_prefix("im-profiles ")
        .and_then(|version| version.strip_suffix(')')?.split_once(" (build "))
        .unwrap();
    assert_eq!(version, env!("CARGO_PKG_VERSION"));
    assert!(!build.is_empty() && build.bytes().all(|byte| byte.is_ascii_graphic()), "{build}");
    let file = fs::File::open(snapshot.path("part-00000.parquet")).unwrap();
    let reader = SerializedFileReader::new(file).unwrap();
    let created_by = reader.metadata().file_metadata().created_by().unwrap();
    assert_eq!(created_by, format!("im-profiles version {version} (build {build})"));
}

#[test]
fn rows_have_the_expected_values() {
    let (_directory, snapshot) = sample(&QUICK);
    let table = snapshot.part("part-00000.parquet");
    let text = |rows: &[Vec<crate::support::Cell>]| {
        let cell = |cell: &crate::support::Cell| {
            cell.as_ref().map_or("NULL".to_owned(), |text| format!("{text:?}"))
        };
        let row =
            |row: &Vec<crate::support::Cell>| row.iter().map(cell).collect::<Vec<_>>().join(" ");
        rows.iter().map(row).collect::<Vec<_>>().join("\n")
    };
    insta::assert_snapshot!(text(&table.rows[..12]), @r##"
"sg/weber/6301" "用户18111078" "Gender_Type_Unknown" "1981-05-24" NULL "愿你出走半生，归来仍是少年" "0"
"ben.bauer644@mail.example" "🌻路👩🏽\u{200d}💻" "Gender_Type_Female" "1965-03-28" "0" "the to \"hidup designer the to. university the smile the" "28318"
"u_522090" NULL "Gender_Type_Female" "1990-01-01" "0" "" "1682"
"30446179" "高泽" "Gender_Type_Female" "1974-04-10" "1" "…" "60002"
"jamal.meyer541@team.example.org" "西人声" "Gender_Type_Unknown" "1959-04-24" "139" "" "32465"
"69450215" "熬夜的兔子8018" "Gender_Type_Unknown" "1974-11-10" "0" "live's sleeping we dog sleeping photo! is yêu" "0"
"u_296553" "用户58666561" "Gender_Type_Unknown" "1967-08-03" "5" "dad zawsze to" "37794"
"u_908468" "不吃香菜的鱼_25" "Gender_Type_Unknown" "1990-01-01" "0" "没的酒现儿这力酒它美，下手能其自许知明心…则这房几谁期能没会早”样发中道物又谁…起美却在”只一，是长了着来觉活来立\\版乐音个对王大共“代山的。人等，们人从？爱务提的机东。期上" "20795"
"bd787f6c813ebe559c854d6e2aad4ebb" "مريم عائشة" "Gender_Type_Unknown" "1989-04-22" "893" "不忘初心，方得始终" "8712"
"u_016644" "发呆的旅人" "Gender_Type_Unknown" "1988-01-22" "409" "semangat travel of today" "1349"
"u_454700" NULL "Gender_Type_Male" "1983-05-11" "0" "在忙，晚点回复" "16426"
"elena.ito@shop.example" "marek_smith" "Gender_Type_Unknown" "1987-05-22" "0" "生活不止眼前的苟且，还有诗和远方" "88270"
"##);
    // The last ones were retried.
    insta::assert_snapshot!(text(&table.rows[table.rows.len() - 3..]), @r##"
"u_475343" "Ольга Максим" "Gender_Type_Unknown" "1994-01-17" "313" "的各那基" "9401"
"u_166345" "أحمد فاطمة" "Gender_Type_Unknown" "2005-01-26" NULL "Work hard, play hard" "0"
"u_841533" "张伟☕\u{fe0f}" NULL "1964-11-24" "3" "よろしく" "54860"
"##);
}

#[test]
fn sidecar_files_list_every_kind_of_failure() {
    let (_directory, snapshot) = sample(&QUICK);
    let header = |file: &str| {
        let text = String::from_utf8(snapshot.bytes(file)).unwrap();
        text.lines().next().unwrap().to_owned()
    };
    assert_eq!(
        header("_failed_accounts.tsv"),
        "account\tcategory\terror_code\terror_info\tattempts\tlast_attempt_at\tinput_line"
    );
    assert_eq!(header("_rejected_values.tsv"), "account\ttag\texpected_type\tvalue");
    let failed = snapshot.failed();
    let categories: BTreeSet<&str> = failed.iter().map(|failed| failed.category.as_str()).collect();
    let expected = ["internal_error", "invalid_account", "not_found", "rejected"];
    assert_eq!(categories, BTreeSet::from(expected));
    let invalid = failed.last().unwrap();
    assert_eq!((invalid.category.as_str(), invalid.attempts), ("invalid_account", 0));
    assert_eq!((invalid.error_code, invalid.input_line), (None, 7347));
    assert_eq!(invalid.error_info, "has 47 bytes, but the service allows 32");
    let used_up = failed.iter().find(|failed| failed.category == "internal_error").unwrap();
    assert_eq!((used_up.error_code, used_up.attempts), (Some(40006), 3));
    let rejected = snapshot.rejected();
    assert!(rejected.iter().all(|value| value.expected_type == "date"), "{rejected:?}");
    assert!(rejected.iter().any(|value| value.value == "20010229"), "{rejected:?}");
}

#[test]
fn snapshot_is_complete_and_no_work_remains() {
    let (directory, snapshot) = sample(&QUICK);
    let parts = ["part-00000.parquet", "part-00001.parquet", "part-00002.parquet"];
    let others = [
        "_SUCCESS",
        "_failed_accounts.tsv",
        "_manifest.json",
        "_rejected_values.tsv",
        "_report.html",
    ];
    let expected: BTreeSet<String> = parts.into_iter().chain(others).map(str::to_owned).collect();
    assert_eq!(snapshot.files(), expected);
    assert_eq!(directory.names(""), BTreeSet::from([format!("{SNAPSHOT}/")]));
    assert_eq!(snapshot.bytes("_SUCCESS"), b"");
}

#[test]
fn manifest_matches_the_files() {
    let (_directory, snapshot) = sample(&QUICK);
    let manifest = snapshot.manifest();
    let keys = [
        "version",
        "generator",
        "job",
        "run",
        "account_list",
        "counts",
        "columns",
        "parts",
        "calls",
        "failures",
    ];
    for key in keys {
        assert!(!manifest[key].is_null(), "the manifest has no {key}");
    }
    let sha256 = |bytes: &[u8]| {
        Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect::<String>()
    };
    for part in manifest["parts"].as_array().unwrap() {
        let file = part["file"].as_str().unwrap();
        let bytes = snapshot.bytes(file);
        assert_eq!(part["bytes"], bytes.len(), "{file}");
        assert_eq!(part["sha256"], sha256(&bytes), "{file}");
        assert_eq!(part["rows"], snapshot.part(file).rows.len(), "{file}");
    }
    let list = fs::read(repository("sample_data/accounts.csv")).unwrap();
    assert_eq!(manifest["account_list"]["sha256"], sha256(&list));
    let list_path = repository("sample_data/accounts.csv").canonicalize().unwrap();
    assert_eq!(manifest["account_list"]["path"], list_path.to_str().unwrap());
    assert_eq!((&manifest["version"], &manifest["job"]["name"]), (&1.into(), &"sample".into()));
    assert_eq!(manifest["run"]["date"], "2026-11-22");
    let time = |key: &str| manifest["run"][key].as_str().unwrap().parse::<jiff::Timestamp>();
    assert!(time("started_at").unwrap() <= time("finished_at").unwrap());
    let names: Vec<&str> = manifest["columns"]
        .as_array()
        .unwrap()
        .iter()
        .map(|column| column["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, snapshot.table().columns);
    let counts = &manifest["counts"];
    let count = |key: &str| counts[key].as_u64().unwrap();
    assert_eq!(
        count("accounts_in_list"),
        count("rows") + count("failed") + count("duplicates") + count("invalid")
    );
}

#[test]
fn csv_has_the_same_table() {
    let (_directory, parquet) = sample(&QUICK);
    let table = parquet.table();
    assert!(table.rows.iter().flatten().any(|cell| cell.as_deref() == Some("")));
    assert!(table.rows.iter().flatten().any(Option::is_none));
    for (compression, extension) in [("none", "csv"), ("gzip", "csv.gz"), ("zstd", "csv.zst")] {
        let compression = format!("output.compression={compression}");
        let keys = ["--set", "output.format=csv", "--set", &compression];
        let (_directory, csv) = sample(&[&QUICK[..], &keys].concat());
        assert_eq!(csv.parts()[0], format!("part-00000.{extension}"));
        assert!(csv.table() == table, "{extension} holds another table");
        assert_eq!(csv.rejected(), parquet.rejected());
    }
}

#[test]
fn parquet_of_every_compression_has_the_same_table() {
    let (_directory, zstd) = sample(&QUICK);
    for compression in ["none", "snappy", "gzip"] {
        let key = format!("output.compression={compression}");
        let (_directory, other) = sample(&[&QUICK[..], &["--set", &key]].concat());
        assert!(other.table() == zstd.table(), "{compression} holds another table");
        assert!(other.part_bytes() != zstd.part_bytes(), "{compression} is zstd");
    }
}

#[test]
fn same_responses_make_the_same_bytes_at_any_concurrency() {
    for format in ["parquet", "csv"] {
        let format = format!("output.format={format}");
        let mut first = None;
        for max_in_flight in [1, 3, 64, 64] {
            let key = format!("api.max_in_flight={max_in_flight}");
            let keys = ["--set", &format, "--set", &key];
            let (_directory, snapshot) = sample(&[&QUICK[..], &keys].concat());
            let bytes = snapshot.part_bytes();
            let first = first.get_or_insert_with(|| bytes.clone());
            assert!(bytes == *first, "{format} differs with {max_in_flight} calls in flight");
        }
    }
}

#[test]
fn summary_is_one_line_of_json_and_matches_the_manifest() {
    let directory = TestDir::new();
    let output = run_sample(&directory, &[&QUICK[..], &["--json"]].concat()).expect_code(0);
    let summary = output.summary();
    let snapshot = directory.snapshot(SNAPSHOT);
    let manifest = snapshot.manifest();
    for key in ["counts", "failures", "calls"] {
        assert_eq!(summary[key], manifest[key], "{key}\n{output}");
    }
    assert_eq!(summary["parts"], snapshot.parts().len());
    let bytes: usize = snapshot.part_bytes().values().map(Vec::len).sum();
    assert_eq!(summary["bytes"], bytes);
    let path = directory.path(SNAPSHOT).canonicalize().unwrap();
    assert_eq!(summary["snapshot"], path.to_str().unwrap());
    assert_eq!((&summary["status"], &summary["exit_code"]), (&"published".into(), &0.into()));
    assert_eq!((&summary["job"], &summary["date"]), (&"sample".into(), &"2026-11-22".into()));
    assert!(summary.get("error").is_none(), "{output}");
}

#[test]
fn stdout_is_empty_without_json() {
    let directory = TestDir::new();
    let output =
        run_sample(&directory, &QUICK).expect_code(0).expect_stderr(&["Published", "rows"]);
    assert_eq!(output.stdout, "");
    let output = run_sample(&directory, &[&QUICK[..], &["-q"]].concat()).expect_code(0);
    assert_eq!(output.stdout, "");
    assert!(!output.stderr.contains("Published"), "{output}");
}

#[test]
fn second_run_replaces_the_snapshot() {
    let directory = TestDir::with_job(QUICK_JOB, ["a", "b", "c"]);
    directory.export(&["--set", "output.format=csv"]).expect_code(0);
    directory.accounts("accounts.txt", ["d"]);
    directory.export(&["--set", "limits.max_shrink=off"]).expect_code(0);
    let snapshot = directory.snapshot("out");
    assert_eq!(snapshot.parts(), ["part-00000.parquet"]);
    assert_eq!(snapshot.table().accounts(), ["d"]);
    let left: BTreeSet<String> =
        ["accounts.txt", "job.toml", "out/"].into_iter().map(str::to_owned).collect();
    assert_eq!(directory.names(""), left);
}

#[test]
fn if_exists_fail_refuses_before_the_first_call() {
    let server = EmulatorServer::start(settings_of(""));
    let directory = TestDir::with_job(QUICK_JOB, ["a"])
        .env(crate::support::emulator::SECRET_VARIABLE, server.secret_key());
    let overrides = server.overrides();
    let mut arguments: Vec<&str> = overrides.iter().map(String::as_str).collect();
    arguments.extend(["--set", "output.if_exists=fail"]);
    directory.export(&arguments).expect_code(0);
    let before = directory.snapshot("out").bytes("_manifest.json");
    let calls = || server.emulator.stats().portrait_get().calls();
    assert_eq!(calls(), 1);
    let output = directory.export(&arguments).expect_code(2);
    assert!(output.error().contains("out"), "{output}");
    assert_eq!((calls(), output.stdout.as_str()), (1, ""));
    assert_eq!(directory.snapshot("out").bytes("_manifest.json"), before);
}

#[test]
fn allowed_empty_list_is_published_without_rows() {
    let directory = TestDir::with_job(QUICK_JOB, [""; 0]);
    directory.export(&["--set", "limits.allow_empty=true"]).expect_code(0);
    let table = directory.snapshot("out").table();
    assert_eq!(table.columns, ["account", "nick", "level"]);
    assert!(table.rows.is_empty());
}
