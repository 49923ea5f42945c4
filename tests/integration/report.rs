//! `_report.html` of published snapshots: its numbers are the manifest's, it asks for nothing, and a browser shows all of it.

use std::path::Path;

use crate::support::browser::{PageInspection, Scheme, inspect_page};
use crate::support::scenario::{JOB, accounts};
use crate::support::{QUICK_JOB, Snapshot, TestDir};
use serde_json::Value;

/// All that a browser has to ask for.
const PAGE_AND_WRAPPER: [&str; 2] = ["http://report.test/", "http://report.test/page"];

/// What each account of the sample meets, and a few faults more.
const FAULTY: [&str; 3] = [
    "emulator.faults.reset.rate=0.05",
    "emulator.faults.latency_ms=30",
    "retry.initial_backoff=1ms",
];

const HOSTILE: &str = "<script>hasRun = true</script>\\\"><img src=http://127.0.0.1:1/x>\\u202E";

/// Arguments that override these keys of the job.
fn set<'k>(keys: &[&'k str]) -> Vec<&'k str> {
    keys.iter().flat_map(|key| ["--set", *key]).collect()
}

fn sample(keys: &[&str]) -> (TestDir, Snapshot) {
    let directory = TestDir::new();
    let job = Path::new(env!("CARGO_MANIFEST_DIR")).join("jobs/sample.toml");
    let output = format!("output.path={}", directory.path("out").display());
    let keys = [&[output.as_str()], keys].concat();
    let arguments = ["export", job.to_str().unwrap(), "--date", "2026-11-22"];
    directory.run(&[&arguments[..], &set(&keys)].concat()).expect_code(0);
    let snapshot = directory.snapshot("out");
    (directory, snapshot)
}

fn html(snapshot: &Snapshot) -> String {
    String::from_utf8(snapshot.bytes("_report.html")).unwrap()
}

/// The texts of `<data NAME="…" value="…">TEXT</data>`, with the value of the name.
fn reported<'h>(html: &'h str, name: &str) -> Vec<(&'h str, &'h str)> {
    let begin = format!("<data {name}=\"");
    let pieces = html.split(begin.as_str()).skip(1).map(|piece| {
        let (key, rest) = piece.split_once('"').unwrap();
        let text = rest.split_once('>').unwrap().1.split_once("</data>").unwrap().0;
        (key, text)
    });
    pieces.collect()
}

/// Fails the test unless each number is the manifest's, and none that must be there is missing.
#[track_caller]
fn ensure_numbers_are_the_manifests<'t>(
    reported: impl IntoIterator<Item = (&'t str, &'t str)>,
    manifest: &Value,
) {
    let mut pointers = Vec::new();
    for (pointer, text) in reported {
        let number = manifest.pointer(pointer).unwrap_or_else(|| panic!("no {pointer}"));
        let reported: f64 = text.replace(',', "").parse().unwrap();
        assert_eq!(Some(reported), number.as_f64(), "{pointer}");
        pointers.push(pointer.to_owned());
    }
    let counts = manifest["counts"].as_object().unwrap();
    let mut expected: Vec<String> = counts
        .iter()
        .filter(|(key, count)| *key != "rejected_values" || **count != 0)
        .map(|(key, _)| format!("/counts/{key}"))
        .collect();
    let of_calls = ["made", "failed", "throttled", "peak_calls_per_second", "account_retries"];
    expected.extend(of_calls.map(|key| format!("/calls/{key}")));
    let failures = manifest["failures"].as_array().unwrap();
    expected.extend((0..failures.len()).map(|index| format!("/failures/{index}/accounts")));
    for pointer in expected {
        assert!(pointers.contains(&pointer), "{pointer} is not reported");
    }
}

#[test]
fn numbers_match_the_manifest_and_the_table() {
    for format in ["parquet", "csv"] {
        let format = format!("output.format={format}");
        let (_directory, snapshot) =
            sample(&[&FAULTY[..], &[format.as_str(), "output.compression=none"]].concat());
        let (html, manifest) = (html(&snapshot), snapshot.manifest());
        ensure_numbers_are_the_manifests(reported(&html, "data-manifest"), &manifest);
        let bytes: usize = snapshot.part_bytes().values().map(Vec::len).sum();
        assert_eq!(reported(&html, "data-bytes")[0].0, bytes.to_string());
        let table = snapshot.table();
        let filled: Vec<String> = (0..table.columns.len())
            .map(|column| table.rows.iter().filter(|row| row[column].is_some()).count().to_string())
            .collect();
        let reported: Vec<&str> =
            reported(&html, "data-filled").iter().map(|(count, _)| *count).collect();
        assert_eq!(reported, filled);
        let gender = table.columns.iter().position(|column| column == "gender").unwrap();
        let women =
            table.rows.iter().filter(|row| row[gender].as_deref() == Some("Gender_Type_Female"));
        let women =
            format!("<bdi>Gender_Type_Female</bdi></th><td>{}</td>", thousands(women.count()));
        assert!(html.contains(&women), "{women}");
        let nick = table.columns.iter().position(|column| column == "nick").unwrap();
        let lengths = table.rows.iter().flat_map(|row| &row[nick]).map(|text| text.chars().count());
        let (least, most) = (lengths.clone().min().unwrap(), lengths.max().unwrap());
        assert!(html.contains(&format!(" · {least} to {most} characters · ")));
        // For values that did not fit, the page names the column.
        assert!(html.contains("values did not fit</b>"));
    }
}

fn thousands(number: usize) -> String {
    indicatif::HumanCount(number as u64).to_string()
}

#[test]
fn job_name_is_escaped() {
    let directory = TestDir::with_job(QUICK_JOB, ["a", "b"]);
    let name = format!("name=\"{HOSTILE}\"");
    let column = format!("columns.0.name=\"{HOSTILE}\"");
    directory.export(&set(&[&name, &column])).expect_code(0);
    let html = html(&directory.snapshot("out"));
    assert!(html.contains("&lt;script&gt;hasRun = true&lt;/script&gt;"), "{html}");
    assert!(html.contains("\\u{202e}"));
    for forbidden in ["<script", "<img", "\u{202e}", "\0", "url(", "@import"] {
        assert!(!html.contains(forbidden), "{forbidden:?}");
    }
    let links = html.split("href=").skip(1).collect::<Vec<_>>();
    let targets: Vec<&str> = links.iter().filter_map(|link| link.split('"').nth(1)).collect();
    assert_eq!(targets, ["data:,", "_manifest.json"]);
}

#[test]
fn smallest_lists_and_most_columns_have_a_report() {
    let columns: String = (0..32)
        .map(|n| {
            let letters =
                ["a", "b", "c", "d"].map(|letter| letter.repeat(n % 8 + 1))[n / 8].clone();
            format!("[[columns]]\ntag = \"Tag_Profile_Custom_{letters}\"\nname = \"column {n}\"\n")
        })
        .collect();
    let many_columns = QUICK_JOB.split_once("[[columns]]").unwrap().0.to_owned()
        + &columns
        + "[output]\npath = \"out\"\n";
    for (job, accounts) in
        [(QUICK_JOB, vec![]), (QUICK_JOB, vec!["a"]), (many_columns.as_str(), vec!["a", "b"])]
    {
        let rows = accounts.len();
        let directory = TestDir::with_job(job, accounts);
        directory.export(&["--set", "limits.allow_empty=true"]).expect_code(0);
        let snapshot = directory.snapshot("out");
        let (html, manifest) = (html(&snapshot), snapshot.manifest());
        ensure_numbers_are_the_manifests(reported(&html, "data-manifest"), &manifest);
        assert_eq!(
            reported(&html, "data-filled")[0].0,
            rows.to_string(),
            "accounts are never NULL"
        );
        assert_eq!(
            reported(&html, "data-filled").len(),
            manifest["columns"].as_array().unwrap().len()
        );
    }
}

#[test]
fn report_of_a_resumed_run_counts_every_row() {
    let job = JOB.replace("accounts_per_part = 600", "accounts_per_part = 200");
    for (failpoint, told_of_calls) in [
        ("journal:appended#3", "resumed at "),
        ("publish:complete", "No call was made since then."),
    ] {
        let directory = TestDir::with_job(&job, accounts(1000));
        directory.export_with(&[("IM_PROFILES_FAILPOINT", failpoint)], &[]);
        directory.export(&[]).expect_code(0);
        let snapshot = directory.snapshot("out");
        let (html, manifest) = (html(&snapshot), snapshot.manifest());
        assert!(html.contains(told_of_calls), "{failpoint}");
        ensure_numbers_are_the_manifests(reported(&html, "data-manifest"), &manifest);
        assert_eq!(reported(&html, "data-filled")[0].0, manifest["counts"]["rows"].to_string());
        assert!(!html.contains("earlier version"), "{failpoint}");
    }
    let directory = TestDir::with_job(&job, accounts(1000));
    directory.export(&[]).expect_code(0);
    assert!(!html(&directory.snapshot("out")).contains("resumed"));
}

#[test]
#[ignore = "needs Chromium: /usr/bin/chromium, of Debian's package"]
fn browser_shows_the_whole_report_and_fetches_nothing() {
    let (_directory, sample) = sample(&FAULTY);
    let hostile = TestDir::with_job(QUICK_JOB, ["a", "b"]);
    let long = format!("{HOSTILE}{}", "W".repeat(25));
    let (name, column) = (format!("name=\"{long}\""), format!("columns.0.name=\"{long}\""));
    hostile.export(&set(&[&name, &column])).expect_code(0);
    for (what, snapshot, pictures) in
        [("sample", sample, 2), ("hostile", hostile.snapshot("out"), 0)]
    {
        let page = snapshot.bytes("_report.html");
        for width in [390, 640, 880, 1280] {
            let [light, dark] = [Scheme::Light, Scheme::Dark].map(|scheme| {
                let page_state = inspect_page(&page, width, scheme);
                ensure_all_is_in_sight(
                    &page_state,
                    &snapshot,
                    width,
                    &format!("{what} at {width} px"),
                );
                assert_eq!(
                    page_state.pictures, pictures,
                    "{what} at {width} px: pictures in sight"
                );
                page_state
            });
            let same = light.colors.iter().zip(&dark.colors).filter(|(light, dark)| light == dark);
            assert_eq!(same.count(), 0, "{:?} {:?}", light.colors, dark.colors);
        }
    }
}

#[track_caller]
fn ensure_all_is_in_sight(
    page_state: &PageInspection,
    snapshot: &Snapshot,
    width: u32,
    about: &str,
) {
    let reported =
        page_state.reported.iter().map(|(pointer, text)| (pointer.as_str(), text.as_str()));
    ensure_numbers_are_the_manifests(reported, &snapshot.manifest());
    assert_eq!(page_state.requests, PAGE_AND_WRAPPER, "{about}: something was fetched");
    assert_eq!(page_state.links, ["data:,"], "{about}: a browser may connect to what is linked");
    assert!(
        page_state.page_width <= f64::from(width),
        "{about}: {} px wide",
        page_state.page_width
    );
    assert_eq!(page_state.sticks_out, [""; 0], "{about}");
    assert_eq!(page_state.active, (0, 0, false), "{about}: scripts, images, whether one ran");
    assert!(
        page_state.smallest_text.is_none_or(|height| height >= 12.0),
        "{about}: {page_state:?}"
    );
}

/// The test above detects a page that violates the rules.
#[test]
#[ignore = "needs Chromium: /usr/bin/chromium, of Debian's package"]
fn page_that_fetches_and_overflows_is_detected() {
    let page = "<!doctype html><script>hasRun = true</script><img src='http://elsewhere.test/x.png'>\
                <p style='width: 2000px'>wide</p>";
    let page_state = inspect_page(page.as_bytes(), 390, Scheme::Light);
    let mut requests = page_state.requests;
    requests.sort();
    assert_eq!(requests[0], "http://elsewhere.test/x.png");
    assert_eq!(requests[1..], PAGE_AND_WRAPPER);
    assert!(page_state.page_width >= 2000.0);
    assert_eq!((page_state.sticks_out.len(), page_state.active), (1, (1, 1, true)));
}

/// What the browser reports as the page's own has no gap that a page could fetch through.
#[test]
#[ignore = "needs Chromium: /usr/bin/chromium, of Debian's package"]
fn every_way_to_fetch_is_detected() {
    let page = "<!doctype html><link rel=stylesheet href=http://elsewhere.test/style>\
        <link rel=preload as=image href=http://elsewhere.test/preload>\
        <link rel=preconnect href=http://elsewhere.test/>\
        <link rel=prefetch href=http://elsewhere.test/prefetch>\
        <style>@import 'http://elsewhere.test/import';\
        @font-face { font-family: away; src: url(http://elsewhere.test/font) }\
        p { font-family: away; background: url(http://elsewhere.test/background) }</style><p>text\
        <iframe src=http://elsewhere.test/frame></iframe><object data=http://elsewhere.test/object></object>\
        <video src=http://elsewhere.test/video></video>\
        <details><img loading=lazy src=http://elsewhere.test/lazy></details>\
        <script>fetch('http://elsewhere.test/fetch').catch(() => 0);\
        navigator.sendBeacon('http://elsewhere.test/beacon');\
        new WebSocket('ws://elsewhere.test/socket');\
        const code = \"fetch('http://elsewhere.test/worker').finally(() => postMessage('done'))\";\
        const worker = new Worker(URL.createObjectURL(new Blob([code])));\
        var finished = new Promise(resolve => worker.onmessage = resolve);\
        </script>";
    let page_state = inspect_page(page.as_bytes(), 390, Scheme::Light);
    let requests: Vec<&str> = page_state.requests.iter().map(String::as_str).collect();
    for way in [
        "style",
        "preload",
        "prefetch",
        "import",
        "font",
        "background",
        "frame",
        "object",
        "video",
        "lazy",
        "fetch",
        "beacon",
        "worker",
    ] {
        let url = format!("http://elsewhere.test/{way}");
        assert!(requests.contains(&url.as_str()), "{way}: {requests:#?}");
    }
    assert!(requests.contains(&"ws://elsewhere.test/socket"), "{requests:#?}");
    assert!(
        page_state.links.iter().any(|url| url == "http://elsewhere.test/"),
        "{:?}",
        page_state.links
    );
}
