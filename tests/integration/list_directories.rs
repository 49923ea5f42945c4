//! Lists of several files, and what a list warns about, through the built binary.

use std::fs;

use insta::assert_snapshot;

use crate::support::scenario::{JOB, accounts};
use crate::support::{QUICK_JOB, TestDir};

/// The same accounts as one file, and as a directory of four partitions with the files that Spark adds.
fn directory() -> TestDir {
    let accounts: Vec<String> = accounts(1000).collect();
    let job = JOB.replace("accounts_per_part = 600", "accounts_per_part = 200");
    let directory = TestDir::with_job(&job, &accounts);
    for (index, chunk) in accounts.chunks(250).enumerate() {
        directory.accounts(&format!("ids/dt={index}/part-0.txt"), chunk);
        directory.write(&format!("ids/dt={index}/.part-0.txt.crc"), "crc");
    }
    directory.write("ids/_SUCCESS", "");
    directory
}

#[test]
fn a_directory_and_a_glob_are_exported_like_one_file() {
    let directory = directory();
    directory.export(&[]).expect_code(0);
    let (one, parts) =
        (directory.snapshot("out").manifest(), directory.snapshot("out").part_bytes());
    assert_eq!(one["account_list"]["files"], 1);
    for path in ["ids", "ids/dt=*/part-?.txt", "ids/**/*.txt"] {
        directory.export(&["--set", &format!("accounts.path={path}")]).expect_code(0);
        let snapshot = directory.snapshot("out");
        assert_eq!(snapshot.part_bytes(), parts, "{path}");
        let list = &snapshot.manifest()["account_list"];
        assert_eq!(list["files"], 4);
        assert_eq!(
            list["path"],
            directory
                .path(path)
                .canonicalize()
                .unwrap_or(directory.root().canonicalize().unwrap().join(path))
                .to_str()
                .unwrap()
        );
        assert_ne!(list["sha256"], one["account_list"]["sha256"]);
    }
}

#[test]
fn a_run_resumes_with_the_same_files_only() {
    let directory = directory();
    let list = ["--set", "accounts.path=ids"];
    let crash = [("IM_PROFILES_FAILPOINT", "journal:appended#3")];
    assert_eq!(directory.export_with(&crash, &list).code, None);
    for change in [
        |directory: &TestDir| drop(directory.write("ids/dt=9/part-0.txt", "more\n")),
        |directory: &TestDir| fs::remove_file(directory.path("ids/dt=3/part-0.txt")).unwrap(),
        |directory: &TestDir| drop(directory.write("ids/dt=3/part-0.txt", "other\n")),
    ] {
        let kept = fs::read(directory.path("ids/dt=3/part-0.txt")).unwrap();
        change(&directory);
        directory.export(&list).expect_code(2).expect_stderr(&["account list ids has changed"]);
        directory.write("ids/dt=3/part-0.txt", kept);
        let _ = fs::remove_file(directory.path("ids/dt=9/part-0.txt"));
    }
    directory.export(&list).expect_code(0).expect_stderr(&["resuming unfinished run"]);
    assert_eq!(directory.snapshot("out").table().rows.len(), 1000);
}

#[test]
fn messages_name_the_file_and_the_line_in_it() {
    let directory = TestDir::with_job(QUICK_JOB, ["a"]);
    directory.write("ids/1.csv", "id\na\nid\nb\u{200b}\n");
    directory.write("ids/2.csv", "n,id\n1,@TLS#x\n2,\\N\n");
    let keys = ["accounts.path=ids", "accounts.column=id", "limits.max_invalid=1"];
    let set = keys.map(|key| ["--set", key]).concat();
    let plan = directory.run(&[&["plan", "job.toml"], set.as_slice()].concat()).expect_code(0);
    let lines: Vec<&str> = plan
        .stdout
        .lines()
        .filter(|line| line.contains("ids/") || line.contains("in the list"))
        .collect();
    assert_snapshot!(lines.join("\n"), @r#"
      accounts      4 in the list of 2 files
                    on line 2 of ids/2.csv, "@TLS#x" starts with a prefix reserved by the service (@TLS#, @TGS# or @TIM#)
      warning       the account list has accounts with an invisible character, such as U+200B: 1 (the first on line 4 of ids/1.csv); they are requested as they are, so correct what writes the list if it is wrong
      warning       the account list has accounts that are \N, the NULL of database exports: 1 (the first on line 3 of ids/2.csv); they are requested as they are, so correct what writes the list if it is wrong
      warning       records that repeat the header were skipped: 1 (the first on line 3 of ids/1.csv); keep the header only once where files are concatenated
    "#);
    let check = directory.run(&[&["check", "job.toml"], set.as_slice()].concat()).expect_code(0);
    let lines: Vec<&str> = check.stdout.lines().filter(|line| line.contains("accounts ")).collect();
    assert_snapshot!(lines.join("\n"), @r#"
    passed   accounts  ids (2 files) can be read: 4 records, 0 duplicates, 1 invalid; its first is "a"
    note     accounts  the account list has accounts with an invisible character, such as U+200B: 1 (the first on line 4 of ids/1.csv); they are requested as they are, so correct what writes the list if it is wrong
    note     accounts  the account list has accounts that are \N, the NULL of database exports: 1 (the first on line 3 of ids/2.csv); they are requested as they are, so correct what writes the list if it is wrong
    note     accounts  records that repeat the header were skipped: 1 (the first on line 3 of ids/1.csv); keep the header only once where files are concatenated
    "#);
    let export = directory.export(&set).expect_code(0);
    let lines: Vec<&str> = export
        .stderr
        .lines()
        .filter_map(|line| line.split_once(" WARN "))
        .map(|(_, line)| &line[17..])
        .collect();
    assert_snapshot!(lines.join("\n"), @r#"
    accounts of the list look wrong and are requested as they are records=1 problem="accounts with an invisible character, such as U+200B" first="line 4 of ids/1.csv"
    accounts of the list look wrong and are requested as they are records=1 problem="accounts that are \\N, the NULL of database exports" first="line 3 of ids/2.csv"
    records that repeat the header of the account list are skipped records=1 first="line 3 of ids/1.csv"
    "#);
    let snapshot = directory.snapshot("out");
    let counts = &snapshot.manifest()["counts"];
    assert_eq!((&counts["accounts_in_list"], &counts["invalid"]), (&4.into(), &1.into()));
    assert_eq!(snapshot.failed()[0].input_line, 6);
}

#[test]
fn the_failed_accounts_of_all_snapshots_are_a_list() {
    let directory = TestDir::with_job(QUICK_JOB, ["a", "@TLS#x"]);
    for date in ["2026-01-01", "2026-01-02"] {
        let header =
            "account\tcategory\terror_code\terror_info\tattempts\tlast_attempt_at\tinput_line";
        let content = format!("{header}\nu-{date}\tno_answer\t\t\"a\t\"\"b\"\"\"\t5\t\t7\n");
        directory.write(&format!("exports/dt={date}/_failed_accounts.tsv"), content);
        directory.write(&format!("exports/dt={date}/_rejected_values.tsv"), "account\tx\n");
    }
    let glob = "accounts.path=exports/*/_failed_accounts.tsv";
    directory.export(&["--set", glob, "--set", "accounts.column=account"]).expect_code(0);
    assert_eq!(directory.snapshot("out").table().accounts(), ["u-2026-01-01", "u-2026-01-02"]);
}
