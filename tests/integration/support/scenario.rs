//! An export under faults, followed by a check of every account.

use super::{Known, Output, TestDir};

/// A job with columns of every type and parts of a few chunks.
pub const JOB: &str = r#"
name = "faults"
accounts = { path = "accounts.txt" }
columns = [
    { tag = "Tag_Profile_IM_Nick", name = "nick" },
    { tag = "Tag_Profile_IM_BirthDay", name = "birth_day", type = "date" },
    { tag = "Tag_Profile_IM_Level", name = "level" },
    { tag = "Tag_Profile_IM_SelfSignature", name = "self_signature", type = "bytes" },
    { tag = "Tag_Profile_Custom_Points", name = "points", type = "uint64" },
    { tag = "Tag_Profile_Custom_Coins", name = "coins", type = "uint32" },
    { tag = "Tag_Profile_Custom_Raw", name = "raw", type = "bytes" },
]
output = { path = "out", accounts_per_part = 600 }
limits = { max_failed = "100%", allow_empty = true }

[api]
emulator = true
# Far above what comes about, so that slowing down does not make a test slow.
calls_per_second = 10_000
max_in_flight = 16

[retry]
initial_backoff = "1ms"
max_backoff = "5ms"
outage_patience = "30s"

[emulator]
seed = 1
rate.portrait_get = 0

[emulator.population.custom_tags]
Tag_Profile_Custom_Points = "number"
Tag_Profile_Custom_Coins = "number"
Tag_Profile_Custom_Raw = "bytes"
"#;

/// Account ids of every form that a list can contain.
pub fn accounts(count: usize) -> impl Iterator<Item = String> {
    (0..count).map(|n| match n % 5 {
        0 => format!("user-{n:05}"),
        1 => format!("{n}"),
        2 => format!("\\\"{n}\"/mail@example.com"),
        3 => format!("用户{n}🎉"),
        _ => format!("a,b:{n}"),
    })
}

/// A directory with [`JOB`] and a list.
pub fn directory(count: usize) -> TestDir {
    TestDir::with_job(JOB, accounts(count))
}

/// `--set` for each key below `emulator`; a key with a leading dot starts at the root of the job.
pub fn overrides(keys: &[&str]) -> Vec<String> {
    let path = |key: &&str| match key.strip_prefix('.') {
        Some(key) => key.to_owned(),
        None => format!("emulator.{key}"),
    };
    keys.iter().map(path).collect()
}

/// Runs the job with [`overrides`].
pub fn run(directory: &TestDir, keys: &[&str]) -> Output {
    let overrides = overrides(keys);
    let mut arguments = vec!["--json", "-v"];
    arguments.extend(overrides.iter().flat_map(|key| ["--set", key.as_str()]));
    directory.export(&arguments)
}

/// Exports under the faults that `keys` set, and compares every account with the population of the emulator.
#[track_caller]
pub fn ensure_conserved(count: usize, keys: &[&str]) -> (Known, Output) {
    ensure_conserved_as(count, keys, |known| known)
}

/// [`ensure_conserved`] with an adapted expectation.
#[track_caller]
pub fn ensure_conserved_as(
    count: usize,
    keys: &[&str],
    adapt: impl FnOnce(Known) -> Known,
) -> (Known, Output) {
    let directory = directory(count);
    let known = adapt(Known::of_directory(&directory, &overrides(keys)));
    let output = run(&directory, keys).expect_code(0);
    known.ensure_is(&directory.snapshot("out"), &format!("{keys:?}"));
    let (rows, rejected_values) = known.rows_and_rejected_values();
    let summary = output.summary();
    assert_eq!(summary["counts"]["rows"], rows, "{output}");
    assert_eq!(summary["counts"]["rejected_values"], rejected_values, "{output}");
    (known, output)
}
