//! Account lists in an object store.

use std::io::Write;
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, StringArray};
use flate2::Compression;
use flate2::write::GzEncoder;
use parquet::arrow::ArrowWriter;
use rustix::process::Signal;

use crate::support::object_store::faults::{Fault, Release, Rule, SLOW_DOWN};
use crate::support::object_store::http::Operation;
use crate::support::object_store::{Bucket, Kind, kinds};
use crate::support::scenario::{JOB, accounts};
use crate::support::{Output, TestDir, wait_until};

/// A job whose list is in a bucket, and the same list on this machine.
struct Lists {
    bucket: Bucket,
    directory: TestDir,
}

impl Lists {
    fn new(kind: Kind) -> Lists {
        let bucket = Bucket::new(kind);
        let output = "output = { path = \"out\", scratch = \"scratch\", accounts_per_part = 200 }";
        let job = JOB.replace("output = { path = \"out\", accounts_per_part = 600 }", output);
        let job = job + &bucket.section();
        assert!(job.contains(output));
        let directory = bucket.credentials_in(TestDir::with_job(&job, accounts(1000)));
        Lists { bucket, directory }
    }

    /// Writes a file on this machine and an object of the same key.
    fn put(&self, key: &str, content: &[u8]) {
        self.directory.write(key, content);
        self.bucket.put(key, content);
    }

    /// The list in four objects, and what is not a part of it.
    fn partitions(kind: Kind) -> Lists {
        let lists = Lists::new(kind);
        let accounts: Vec<String> = accounts(1000).collect();
        for (index, chunk) in accounts.chunks(250).enumerate() {
            let text = chunk.join("\n") + "\n";
            let (name, content) = match index % 2 {
                0 => ("part-0.txt", text.into_bytes()),
                _ => ("part-0.txt.gz", gzip(text.as_bytes())),
            };
            lists.put(&format!("ids/dt={index}/{name}"), &content);
            lists.put(&format!("ids/dt={index}/.{name}.crc"), b"crc");
        }
        lists.put("ids/_SUCCESS", b"");
        lists.put("ids/_temporary/part-9.txt", b"not-yet\n");
        lists
    }

    fn run(&self, command: &str, list: &str, more: &[&str]) -> Output {
        let path = format!("accounts.path={list}");
        self.directory.run(&[&[command, "job.toml", "--set", &path], more].concat())
    }

    fn run_on(&self, command: &str, key: &str, more: &[&str]) -> Output {
        self.run(command, &self.bucket.url(key), more)
    }
}

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(content).unwrap();
    gzip.finish().unwrap()
}

fn parquet(accounts: &[&str]) -> Vec<u8> {
    let column: ArrayRef = Arc::new(StringArray::from(accounts.to_vec()));
    let batch = RecordBatch::try_from_iter([("id", column)]).unwrap();
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.into_inner().unwrap()
}

#[test]
fn a_prefix_a_glob_and_an_object_are_exported_like_files() {
    for kind in kinds() {
        let lists = Lists::partitions(kind);
        let more = ["--set", "accounts.format=txt", "--set", "limits.max_shrink=off"];
        for key in ["ids/", "ids/dt=*/part-*.txt*", "ids/dt=1/part-0.txt.gz"] {
            lists.run("export", key, &more).expect_code(0);
            let local = lists.directory.snapshot("out");
            let (manifest, parts) = (local.manifest(), local.part_bytes());
            lists.run_on("export", key, &more).expect_code(0);
            let remote = lists.directory.snapshot("out");
            assert_eq!(remote.part_bytes(), parts, "{kind:?} {key}");
            let list = &remote.manifest()["account_list"];
            assert_eq!(list["path"], lists.bucket.url(key));
            for field in ["sha256", "files"] {
                assert_eq!(list[field], manifest["account_list"][field], "{kind:?} {key}");
            }
        }
        assert!(lists.directory.names("scratch").is_empty());
    }
}

#[test]
fn every_format_is_read_and_messages_name_the_object() {
    let lists = Lists::new(Kind::Memory);
    let zstd = |text: &str| zstd::encode_all(text.as_bytes(), 3).unwrap();
    for (key, content) in [
        ("csv/a.csv.gz", gzip(b"n,id\n1,a\n2,@TLS#x\n")),
        ("tsv/a.tsv.zst", zstd("n\tid\n1\ta\n2\t@TLS#x\n")),
        ("ndjson/a.jsonl", b"\n{\"id\":\"a\"}\n{\"id\":\"@TLS#x\"}".to_vec()),
        ("parquet/a.parquet", parquet(&["b", "a", "@TLS#x"])),
    ] {
        lists.bucket.put(key, content);
        for list in [key, &key[..=key.find('/').unwrap()]] {
            let more = ["--set", "accounts.column=id", "--set", "limits.max_invalid=1"];
            let plan = lists.run_on("plan", list, &more).expect_code(0).stdout;
            let unit = if key.starts_with("parquet") { "row" } else { "line" };
            let of_file =
                if list == key { String::new() } else { format!(" of {}", lists.bucket.url(key)) };
            assert!(plan.contains(&format!("on {unit} 3{of_file}, \"@TLS#x\"")), "{plan}");
            lists.run_on("check", list, &more).expect_code(0);
            lists.run_on("preview", list, &more).expect_code(0);
        }
    }
}

#[test]
fn plan_shows_what_is_copied() {
    let lists = Lists::new(Kind::Memory);
    lists.bucket.put("ids/a.txt", "a\nb\n");
    lists.bucket.put("ids/b.txt", "c\n");
    let plan = lists.run_on("plan", "ids/", &[]).expect_code(0).stdout;
    assert!(plan.contains("  spooled       6 B in scratch\n"), "{plan}");
    let json = lists.run_on("plan", "ids/", &["--json"]).expect_code(0).stdout;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["spooled"]["bytes"], 6);
    let json = lists.run("plan", "accounts.txt", &["--json"]).expect_code(0).stdout;
    assert!(!json.contains("spooled"), "{json}");
}

#[test]
fn many_objects_are_read_once_each_in_the_order_of_their_keys() {
    let lists = Lists::new(Kind::Memory);
    for index in 0..300 {
        lists.put(&format!("ids/{index}.txt"), format!("account-{index}\n").as_bytes());
    }
    lists.run("export", "ids/", &[]).expect_code(0);
    let local = lists.directory.snapshot("out").part_bytes();
    lists.run_on("export", "ids/", &[]).expect_code(0);
    assert_eq!(lists.directory.snapshot("out").part_bytes(), local);
    assert_eq!(lists.bucket.proxy.count(Operation::Get, "*"), 300);
    // One listing, in pages of 20 keys.
    assert_eq!(lists.bucket.proxy.count(Operation::List, "*"), 300 / 20);
}

#[test]
fn a_preview_reads_only_the_start() {
    let lists = Lists::new(Kind::Memory);
    let start = "a\nb\n".to_owned();
    lists.bucket.put("ids/a.txt", start + &"padding\n".repeat(1_000_000));
    lists.bucket.put("ids/b.txt", "c\n");
    lists.run_on("preview", "ids/", &["-n", "2"]).expect_code(0);
    assert_eq!(lists.bucket.proxy.count(Operation::Get, "*/a.txt"), 1);
    assert_eq!(lists.bucket.proxy.count(Operation::Get, "*/b.txt"), 0);
}

#[test]
fn a_run_resumes_with_the_same_list_only() {
    let lists = Lists::partitions(Kind::Memory);
    let path = format!("accounts.path={}", lists.bucket.url("ids/"));
    let list = ["--set", &path, "--set", "accounts.format=txt"];
    let crash = [("IM_PROFILES_FAILPOINT", "journal:appended#3")];
    assert_eq!(lists.directory.export_with(&crash, &list).code, None);
    lists.bucket.put("ids/dt=9/part-0.txt", "more\n");
    let changed = format!("account list {} has changed", lists.bucket.url("ids/"));
    lists.directory.export(&list).expect_code(2).expect_stderr(&[&changed]);
    lists.bucket.delete("ids/dt=9/part-0.txt");
    lists.directory.export(&list).expect_code(0).expect_stderr(&["resuming unfinished run"]);
    assert_eq!(lists.directory.snapshot("out").table().rows.len(), 1000);
}

#[test]
fn an_object_that_changes_after_it_was_listed_is_refused() {
    for kind in kinds() {
        for (key, held) in [("ids/", "ids/b.txt"), ("ids/b.txt", "ids/b.txt")] {
            for replace in [true, false] {
                let lists = Lists::new(kind);
                lists.bucket.put("ids/a.txt", "a\n");
                lists.bucket.put(held, "b\n");
                let pattern = format!("*{held}");
                let rule = Rule::new(Fault::Hold).on(Operation::Get).key(&pattern).times(1);
                lists.bucket.proxy.inject(rule);
                let path = format!("accounts.path={}", lists.bucket.url(key));
                let run = lists.directory.start_export(&["--set", &path], &[]);
                wait_until("the held request", || lists.bucket.proxy.is_holding());
                match replace {
                    true => lists.bucket.put(held, "c\n"),
                    false => lists.bucket.delete(held),
                }
                lists.bucket.proxy.release(Release::Forward);
                let object = lists.bucket.url(held);
                run.end().expect_code(2).expect_stderr(&[&format!(
                    "object {object} of the account list was replaced or removed while the list was being read; when nothing writes to it, run again"
                )]);
            }
        }
    }
}

#[test]
fn requests_that_fail_for_a_while_do_not_matter() {
    let lists = Lists::partitions(Kind::Memory);
    let list = ["--set", "accounts.format=txt"];
    lists.run("export", "ids/", &list).expect_code(0);
    let local = lists.directory.snapshot("out").part_bytes();
    let proxy = &lists.bucket.proxy;
    for fault in [SLOW_DOWN, Fault::Reset, Fault::DropResponse, Fault::TruncateResponse] {
        proxy.inject(Rule::new(fault).skip(1).times(2));
    }
    lists.run_on("export", "ids/", &list).expect_code(0);
    assert!(proxy.faults() >= 4);
    assert_eq!(lists.directory.snapshot("out").part_bytes(), local);
}

#[test]
fn lists_that_cannot_be_read_have_one_message() {
    let lists = Lists::new(Kind::Memory);
    lists.bucket.put("ids/a.csv", "id\na\n");
    lists.bucket.put("empty/_SUCCESS", "");
    lists.bucket.put("mixed/a.csv", "id\na\n");
    lists.bucket.put("mixed/b.tsv", "id\na\n");
    let damaged = gzip("account\n".repeat(100_000).as_bytes());
    lists.bucket.put("damaged.txt.gz", &damaged[..damaged.len() - 9]);
    let url = |key: &str| lists.bucket.url(key);
    for (key, expected) in [
        (
            "gone.txt",
            format!("account list {} does not exist; correct `accounts.path`", url("gone.txt")),
        ),
        ("gone/", format!("account list {} has no object below it", url("gone/"))),
        ("empty/", format!("account list {} has no object below it", url("empty/"))),
        ("ids/*.txt", format!("no object matches account list {}", url("ids/*.txt"))),
        ("mixed/", format!("({} is csv, {} is tsv)", url("mixed/a.csv"), url("mixed/b.tsv"))),
        (
            "damaged.txt.gz",
            format!("account list {} is a truncated gzip file", url("damaged.txt.gz")),
        ),
    ] {
        for command in ["plan", "export", "check"] {
            let output = lists.run_on(command, key, &[]).expect_code(2);
            let shown = format!("{}{}", output.stdout, output.stderr);
            assert!(shown.contains(&expected), "{expected}\n{shown}");
            assert!(!shown.contains(".spool"), "{shown}");
        }
    }
    let more = ["--set", "accounts.format=csv"];
    let hint =
        format!("account list {} is not an object, but there are objects below it", url("ids"));
    lists
        .run_on("export", "ids", &more)
        .expect_code(2)
        .expect_stderr(&[&hint, "end `accounts.path` with /"]);
    assert!(!lists.directory.path("out").exists());
}

#[test]
fn a_store_that_refuses_or_does_not_respond_ends_the_command() {
    let denied = Fault::Reply { status: "403 Forbidden", code: "AccessDenied", retry_after: None };
    let region = Fault::Reply {
        status: "301 Moved Permanently",
        code: "PermanentRedirect",
        retry_after: None,
    };
    for (fault, code, expected) in [
        (denied, 2, "the object store does not allow to "),
        (region, 2, "the bucket is in another region"),
        (Fault::Reset, 75, "the object store has been unavailable for"),
        // The response to a look-up has no code, so that it may as well be an outage.
        (SLOW_DOWN, 75, "the object store has "),
    ] {
        for key in ["ids/", "ids/a.txt"] {
            let lists = Lists::new(Kind::Memory);
            lists.bucket.put("ids/a.txt", "a\n");
            let more = ["--set", "retry.outage_patience=200ms"];
            lists.bucket.proxy.inject(Rule::new(fault));
            for command in ["plan", "export"] {
                let output = lists.run_on(command, key, &more).expect_code(code);
                output.expect_stderr(&[expected, &lists.bucket.url("ids/")[..15]]);
            }
        }
    }
    let lists = Lists::new(Kind::Memory);
    let directory = TestDir::with_job(&(JOB.to_owned() + &lists.bucket.section()), ["a"]);
    let path = format!("accounts.path={}", lists.bucket.url("ids/"));
    let output = directory.export(&["--set", &path]).expect_code(2);
    output.expect_stderr(&["there are no credentials for s3://"]);
}

#[test]
fn an_interrupt_ends_a_list_that_is_being_copied() {
    let lists = Lists::new(Kind::Memory);
    lists.bucket.put("ids/a.txt", "a\n");
    lists.bucket.proxy.inject(Rule::new(Fault::HoldResponse).on(Operation::Get));
    let path = format!("accounts.path={}", lists.bucket.url("ids/"));
    let run = lists.directory.start_export(&["--set", &path], &[]);
    wait_until("the held response", || lists.bucket.proxy.is_holding());
    run.signal(Signal::INT);
    run.end().expect_code(130);
    assert!(lists.directory.names("scratch").is_empty());
}
