//! Promise 2 as a reader of the table finds it: below the table root there is the previous snapshot or the new one, and
//! nothing of a run, at every durable step of it and after it was killed there.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use im_profiles::internals::failpoint;

use crate::crash::{is_published, occurrences};
use crate::support::TestDir;
use crate::support::scenario::{JOB, accounts};
use crate::support::stops::Pause;

const FAILPOINT: &str = "IM_PROFILES_FAILPOINT";
/// Three parts, of which the last one is short.
const ACCOUNTS: usize = 520;
const TABLE: &str = "exports/nightly";
const SNAPSHOT: &str = "exports/nightly/dt=2026-11-26";
/// Its work directory beside the table root, and beside the snapshot.
const WORK: &str = "exports/.nightly.partial/dt=2026-11-26";
const WORK_INSIDE: &str = "exports/nightly/.dt=2026-11-26.partial";
const DATE: [&str; 2] = ["--date", "2026-11-26"];

type Files = BTreeMap<String, Vec<u8>>;

/// A job that exports partitions of [`TABLE`].
fn directory(format: &str) -> TestDir {
    let output = format!(
        "output = {{ path = \"{TABLE}/dt={{date}}\", accounts_per_part = 200, format = \"{format}\" }}"
    );
    let job = JOB.replace("output = { path = \"out\", accounts_per_part = 600 }", &output);
    TestDir::with_job(&(job + "[emulator.faults]\nunknown = { rate = 0.05 }\n"), accounts(ACCOUNTS))
}

/// The files below a directory, hidden ones included, by their paths below it.
fn files_below(directory: &Path) -> Files {
    let mut files = Files::new();
    let Ok(entries) = fs::read_dir(directory) else { return files };
    for entry in entries {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if path.is_dir() {
            let below = files_below(&path).into_iter();
            files.extend(below.map(|(path, content)| (format!("{name}/{path}"), content)));
        } else {
            files.insert(name, fs::read(path).unwrap());
        }
    }
    files
}

/// The files that readers load: those that the globs `**/*.parquet`, `**/*.csv*`, `**/*.tsv`, `**/part-*` and `**/_*` match, also
/// for readers to which hidden files are like others.
fn loaded(directory: &Path) -> Files {
    let mut files = files_below(directory);
    files.retain(|path, _| {
        let name = path.rsplit('/').next().unwrap();
        let has = |piece: &str| name.contains(piece);
        has(".parquet") || has(".csv") || name.starts_with("part-") || name.starts_with('_')
    });
    files
}

/// The files of the table, without what differs between two runs of the same list.
fn table(files: &Files) -> Files {
    let of_run = ["_manifest.json", "_report.html", "_failed_accounts.tsv"];
    let same = |(path, content): (&String, &Vec<u8>)| {
        let is_of_run = of_run.iter().any(|name| path.ends_with(name));
        (path.clone(), if is_of_run { Vec::new() } else { content.clone() })
    };
    files.iter().map(same).collect()
}

#[track_caller]
fn ensure_same(found: &Files, expected: &Files, about: &str) {
    assert!(
        found.keys().eq(expected.keys()),
        "{about}: {:?}, expected {:?}",
        found.keys(),
        expected.keys()
    );
    for (path, content) in found {
        assert!(*content == expected[path], "{about}: {path} differs");
    }
}

/// The table with the snapshots of two dates, of another list each, and the table that a run makes of it.
struct Tables {
    before: Files,
    after: Files,
}

impl Tables {
    fn of_job(format: &str, replaces: bool) -> Tables {
        let directory = directory(format);
        directory.accounts("accounts.txt", accounts(30));
        let before: &[&str] =
            if replaces { &["2026-11-25", "2026-11-26"] } else { &["2026-11-25"] };
        for date in before {
            directory.export(&["--date", date]).expect_code(0);
        }
        let before = files_below(&directory.path(TABLE));
        directory.accounts("accounts.txt", accounts(ACCOUNTS));
        directory.export(&DATE).expect_code(0);
        Tables { before, after: files_below(&directory.path(TABLE)) }
    }

    /// The directory before the run.
    fn directory(&self, format: &str) -> TestDir {
        let directory = directory(format);
        for (path, content) in &self.before {
            directory.write(&format!("{TABLE}/{path}"), content);
        }
        directory
    }

    #[track_caller]
    fn ensure_is_published(&self, directory: &TestDir, about: &str) {
        let found = files_below(&directory.path(TABLE));
        ensure_same(&table(&found), &table(&self.after), about);
        assert!(directory.names("exports").iter().eq(["nightly/"]), "{about}: something is left");
    }
}

/// Kills a run at every point and looks at the table; then runs the same command again.
fn look_at_every_point(format: &str, replaces: bool) {
    let tables = Tables::of_job(format, replaces);
    for &point in failpoint::ALL {
        for occurrence in occurrences(point) {
            let about = format!("{format}, {point}#{occurrence}, replaces {replaces}");
            let directory = tables.directory(format);
            let failpoint = format!("{point}#{occurrence}");
            let output = directory.export_with(&[(FAILPOINT, &failpoint)], &DATE);
            assert_eq!(output.code, None, "{about}\n{output}");
            let found = files_below(&directory.path(TABLE));
            if is_published(point) {
                ensure_same(&table(&found), &table(&tables.after), &about);
            } else {
                ensure_same(&found, &tables.before, &about);
            }
            // Also for those who load all of `exports`, until the run publishes.
            if !point.starts_with("publish:") || point == "publish:complete" {
                let work = loaded(&directory.path(WORK));
                assert!(work.is_empty(), "{about}: {:?}", work.keys());
            }
            directory.export(&DATE).expect_code(0);
            tables.ensure_is_published(&directory, &about);
        }
    }
}

#[test]
fn first_snapshot_of_a_date_appears_complete() {
    look_at_every_point("parquet", false);
}

#[test]
fn replaced_snapshot_leaves_the_table_at_once() {
    look_at_every_point("csv", true);
}

/// A run is killed between any two of the names that it gives to its files, and again while the next run hides them.
#[test]
fn run_killed_between_two_renames_is_resumed() {
    let tables = Tables::of_job("csv", true);
    // Three parts, four sidecars and the marker.
    for name in 1..=8 {
        let directory = tables.directory("csv");
        let failpoint = format!("publish:name#{name}");
        assert_eq!(directory.export_with(&[(FAILPOINT, &failpoint)], &DATE).code, None, "{name}");
        let revealed = loaded(&directory.path(WORK)).len();
        assert_eq!(revealed, name - 1, "one file before each failpoint");
        let is_hidden = revealed / 2;
        if is_hidden > 0 {
            let failpoint = format!("hide:name#{is_hidden}");
            let output = directory.export_with(&[(FAILPOINT, &failpoint)], &DATE);
            assert_eq!(output.code, None, "{failpoint}\n{output}");
        }
        // A plan changes nothing and finds the parts under either name.
        let before = files_below(&directory.path("exports"));
        let plan =
            directory.run(&["plan", "job.toml", "--json", "--date", "2026-11-26"]).expect_code(0);
        assert_eq!(plan.summary()["resume"]["parts_committed"], 3, "{plan}");
        ensure_same(&files_below(&directory.path("exports")), &before, "plan");
        let output = directory.export(&[&DATE[..], &["--json"]].concat()).expect_code(0);
        tables.ensure_is_published(&directory, &format!("{failpoint}\n{output}"));
    }
    let directory = tables.directory("csv");
    directory.export_with(&[(FAILPOINT, "publish:name#9")], &DATE).expect_code(0);
}

/// A run that version 0.1.0 left: beside its snapshot, with the names of published files.
fn left_by_version_0_1_0(directory: &TestDir) {
    let output = directory.export_with(&[(FAILPOINT, "journal:appended#3")], &DATE);
    assert_eq!(output.code, None, "{output}");
    fs::rename(directory.path(WORK), directory.path(WORK_INSIDE)).unwrap();
    fs::remove_dir(directory.path("exports/.nightly.partial")).unwrap();
    let staged = directory.path(WORK_INSIDE).join("snapshot");
    for name in directory.names(&format!("{WORK_INSIDE}/snapshot")) {
        let published = name.trim_start_matches('.').replace(".unpublished", "").replace('~', ".");
        fs::rename(staged.join(&name), staged.join(published)).unwrap();
    }
    assert!(
        staged.join("part-00000.csv.zst").exists() || staged.join("part-00001.csv.zst").exists()
    );
}

#[test]
fn run_of_version_0_1_0_is_resumed_where_it_is() {
    let tables = Tables::of_job("csv", true);
    for killed in [
        None,
        Some("hide:name"),
        Some("hide:name#2"),
        Some("publish:start"),
        Some("publish:named"),
        Some("publish:exchanged"),
    ] {
        let directory = tables.directory("csv");
        left_by_version_0_1_0(&directory);
        let arguments = ["plan", "job.toml", "--json", "--date", "2026-11-26"];
        let plan = directory.run(&arguments).expect_code(0);
        assert_eq!(plan.summary()["resume"]["parts_committed"], 2, "{plan}");
        if let Some(point) = killed {
            let output = directory.export_with(&[(FAILPOINT, point)], &DATE);
            assert_eq!(output.code, None, "{point}\n{output}");
            if point == "publish:start" {
                ensure_same(&loaded(&directory.path(TABLE)), &tables.before, point);
            }
        }
        let output = directory.export(&DATE).expect_code(0);
        tables.ensure_is_published(&directory, &format!("{killed:?}\n{output}"));
    }
}

/// Where the work directory has to be inside the table root, as for a volume that is mounted there.
#[test]
fn work_inside_the_table_root_is_hidden_until_it_is_published() {
    let tables = Tables::of_job("parquet", true);
    for &point in failpoint::ALL {
        for occurrence in occurrences(point) {
            let about = format!("{point}#{occurrence}");
            let directory = tables.directory("parquet");
            fs::create_dir(directory.path(WORK_INSIDE)).unwrap();
            let output = directory.export_with(&[(FAILPOINT, &about)], &DATE);
            assert_eq!(output.code, None, "{about}\n{output}");
            assert!(!directory.path("exports/.nightly.partial").exists(), "{about}");
            let is_in_window =
                ["publish:name", "publish:named", "publish:exchange", "publish:exchanged"]
                    .contains(&point);
            let expected = if is_published(point) { &tables.after } else { &tables.before };
            if !is_in_window {
                ensure_same(&table(&loaded(&directory.path(TABLE))), &table(expected), &about);
            }
            // The next run ends the window before it does anything else.
            if is_in_window && !is_published(point) {
                directory.export_with(&[(FAILPOINT, "output:look")], &DATE);
                ensure_same(&loaded(&directory.path(TABLE)), &tables.before, &about);
            }
            directory.export(&DATE).expect_code(0);
            tables.ensure_is_published(&directory, &about);
        }
    }
}

/// File systems that are two in one, such as directories with project quotas, show that only when something is moved.
#[test]
fn work_directory_is_inside_if_nothing_can_be_moved_from_outside() {
    let directory = directory("parquet");
    let failpoints = "output:move=exdev,journal:appended#3";
    assert_eq!(directory.export_with(&[(FAILPOINT, failpoints)], &DATE).code, None);
    assert!(directory.names(TABLE).iter().eq([".dt=2026-11-26.partial/"]));
    assert!(directory.names("exports").iter().eq(["nightly/"]));
    directory.export(&DATE).expect_code(0).expect_stderr(&["resuming unfinished run parts=2"]);
    assert!(directory.names(TABLE).iter().eq(["dt=2026-11-26/"]));
    // Anything else is an error before the first call.
    for (error, message) in [("eacces", "permission"), ("enospc", "make room")] {
        let failpoint = format!("output:move={error}");
        let output = directory.export_with(&[(FAILPOINT, &failpoint)], &DATE).expect_code(1);
        output.expect_stderr(&[
            "could not move a directory beside exports/nightly/dt=2026-11-26",
            message,
        ]);
        assert!(directory.names("exports").iter().eq(["nightly/"]), "{error}");
    }
    directory.export(&DATE).expect_code(0);
    assert!(directory.names("exports").iter().eq(["nightly/"]));
    assert!(directory.names(TABLE).iter().eq(["dt=2026-11-26/"]));
}

#[test]
fn two_dates_are_exported_at_once() {
    let directory = directory("parquet");
    let [first, second] = ["2026-11-25", "2026-11-26"];
    let pause = Pause::at(&directory, "publish:start");
    let mut run = directory.start_export(&["--date", first], &[(FAILPOINT, &pause.failpoint)]);
    let pid = run.id();
    pause.meanwhile(&mut run, || {
        let planned = directory.run(&["plan", "job.toml", "--date", second]).expect_code(0);
        let (_, warning) = planned.stdout.split_once("  warning").unwrap();
        for words in ["a run of another date is active", "(2026-11-25; process ", &pid.to_string()]
        {
            assert!(warning.contains(words), "{planned}");
        }
        assert!(!warning.contains("remove") && !warning.contains("resume"), "{planned}");
        let exported = directory.run(&["export", "job.toml", "--date", second]).expect_code(0);
        let active = format!("holder=\"process {pid} on ");
        let exported = exported.expect_stderr(&[
            "a run of another date is active",
            "date=\"2026-11-25\"",
            &active,
        ]);
        let is_advised = ["remove", "resume"].iter().any(|word| exported.stderr.contains(word));
        assert!(!is_advised, "{exported}");
        assert!(directory.names(TABLE).iter().eq(["dt=2026-11-26/"]));
        assert!(directory.names("exports/.nightly.partial").iter().eq(["dt=2026-11-25/"]));
    });
    run.end().expect_code(0);
    assert_eq!(directory.names(TABLE).len(), 2);
    assert!(directory.names("exports").iter().eq(["nightly/"]));
}

/// The command in the warning resumes the run as it is, from an export as from a plan.
#[test]
fn unfinished_run_of_another_date_is_resumed_by_the_command_of_the_warning() {
    for command in ["export", "plan"] {
        let directory = directory("parquet");
        let crash = [(FAILPOINT, "journal:appended#3")];
        assert_eq!(directory.export_with(&crash, &DATE).code, None);
        let arguments = [command, "job.toml", "--date", "2026-11-27", "--set", "name=a b"];
        let output = directory.run(&arguments).expect_code(0);
        let resume: String = if command == "plan" {
            let (_, text) = output.stdout.split_once("is unfinished; resume it with: ").unwrap();
            text.split_once("; or remove its work directory").unwrap().0.to_owned()
        } else {
            output.clone().expect_stderr(&["or remove its work directory"]);
            let (_, field) = output.stderr.split_once("resume_command=").unwrap();
            serde_json::from_str(field.lines().next().unwrap()).unwrap()
        };
        let resumed = Command::new("sh")
            .args(["-c", &resume])
            .current_dir(directory.root())
            .env_clear()
            .output()
            .unwrap();
        let stderr = String::from_utf8_lossy(&resumed.stderr);
        assert!(
            resumed.status.success() && stderr.contains("resuming unfinished run parts=2"),
            "{resume}: {stderr}"
        );
        assert!(directory.path(SNAPSHOT).join("_SUCCESS").exists(), "{stderr}");
    }
}

#[test]
fn run_that_may_be_active_on_another_host_is_not_removed() {
    let directory = directory("parquet");
    assert_eq!(directory.export_with(&[(FAILPOINT, "journal:appended#2")], &DATE).code, None);
    directory.write(&format!("{WORK}/lock"), "process 7 on etl-3 since 2026-11-26T03:00:00Z");
    let output = directory.run(&["plan", "job.toml", "--date", "2026-11-27"]).expect_code(0);
    for words in ["may be active on another host (process 7 on etl-3 ", " --date=2026-11-26"] {
        assert!(output.stdout.contains(words), "{output}");
    }
    assert!(!output.stdout.contains("remove"), "{output}");
}

#[test]
fn snapshot_is_published_at_the_target_of_a_link() {
    let directory = directory("parquet");
    fs::create_dir_all(directory.path("store")).unwrap();
    fs::create_dir_all(directory.path("exports")).unwrap();
    symlink("../store/latest", directory.path("exports/latest")).unwrap();
    let keys = ["--set", "output.path=exports/latest"];
    for _ in 0..2 {
        let output = directory.export_with(&[(FAILPOINT, "journal:appended#2")], &keys);
        assert_eq!(output.code, None, "{output}");
        assert!(directory.path("store/.latest.partial/lock").exists(), "{output}");
        directory.export(&keys).expect_code(0).expect_stderr(&["resuming unfinished run"]);
        assert!(directory.path("exports/latest").is_symlink());
        assert!(directory.names("store").iter().eq(["latest/"]));
        assert!(directory.path("store/latest/_SUCCESS").exists());
    }
    assert!(directory.names("exports").iter().eq(["latest"]));
}

/// Before the first call, and by all three commands alike.
#[test]
fn output_that_can_never_be_replaced_is_refused() {
    let directory = directory("parquet");
    symlink("loop", directory.path("loop")).unwrap();
    for name in ["unmounted", "latest"] {
        symlink("volume/exports", directory.path(name)).unwrap();
    }
    let mut refused = vec![
        ("loop/below/table/dt={date}", "loop/below/table is a symbolic link that points back"),
        (
            "latest/",
            "latest is a symbolic link to volume/exports, and the directory volume does not exist",
        ),
        (
            "loop",
            "loop is a symbolic link that points back to itself; correct it, or choose another output.path",
        ),
        ("loop/dt={date}", "loop is a symbolic link that points back to itself"),
        (
            "unmounted",
            "unmounted is a symbolic link to volume/exports, and the directory volume does not exist; create it, or correct the link",
        ),
        (
            "hdfs://host/exports",
            "output.path: is a URL (hdfs://...) of a kind that is not supported",
        ),
    ];
    if Path::new("/proc/self").exists() {
        refused.push(("/proc", "output.path /proc is a mount point, which a snapshot cannot replace; publish to a directory inside it, such as /proc/exports"));
    }
    let before = directory.names(".");
    for (path, message) in refused {
        let key = format!("output.path={path}");
        for command in ["plan", "check", "export"] {
            let output = directory.run(&[command, "job.toml", "--set", &key]).expect_code(2);
            assert!(format!("{}{}", output.stdout, output.stderr).contains(message), "{output}");
        }
    }
    assert_eq!(directory.names("."), before);
}
