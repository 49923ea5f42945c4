//! The scripts of tests/object_stores, which read snapshots as other projects do.

use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

use crate::support::object_store::scene::OUTPUT;
use crate::support::object_store::servers::{seaweedfs, store_python};
use crate::support::object_store::{Bucket, Kind, endpoint};
use crate::support::{QUICK_JOB, TestDir};

/// Starts a script of tests/object_stores on the output of the scene, without a fault of the proxy.
pub fn start(bucket: &Bucket, script: &str, more: &[&str]) -> Option<Child> {
    let python = store_python()?;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/object_stores").join(script);
    let mut command = Command::new(python);
    command.arg("-B").arg(script).arg(bucket.url(OUTPUT)).args(more).envs(bucket.environment());
    command.env("AWS_ENDPOINT_URL", endpoint(bucket.kind, bucket.proxy.address()));
    Some(
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap(),
    )
}

/// The line of JSON that a script prints, and whether it succeeded.
#[track_caller]
pub fn end(child: Child) -> (Value, bool) {
    let Output { status, stdout, stderr } = child.wait_with_output().unwrap();
    let parsed = String::from_utf8(stdout).unwrap().lines().last().map(serde_json::from_str);
    (
        parsed
            .and_then(Result::ok)
            .unwrap_or_else(|| panic!("{}", String::from_utf8_lossy(&stderr))),
        status.success(),
    )
}

/// The script reports what is wrong, so that its silence in the next test means something.
#[test]
fn a_reader_that_follows_the_manifest_finds_damage() {
    if seaweedfs().is_none() {
        return;
    }
    let bucket = Bucket::new(Kind::SeaweedFs);
    let directory = TestDir::with_job(QUICK_JOB, (0..50).map(|n| format!("user-{n}")));
    directory.export(&[]).expect_code(0);
    let snapshot = directory.snapshot("out");
    let publish = || {
        for file in snapshot.files() {
            bucket.put(&format!("{OUTPUT}/{file}"), snapshot.bytes(&file));
        }
    };
    let Some(part) = snapshot.parts().pop() else { panic!("there are no parts") };
    let part = format!("{OUTPUT}/{part}");
    let damages: [(&str, &dyn Fn()); 4] = [
        ("", &|| {}),
        ("is not what the manifest", &|| bucket.damage(&part)),
        ("is missing", &|| bucket.delete(&part)),
        ("JSONDecodeError", &|| bucket.put(&format!("{OUTPUT}/_manifest.json"), "{")),
    ];
    for (problem, damage) in damages {
        publish();
        damage();
        let Some(follower) = start(&bucket, "follow.py", &["1"]) else { return };
        // It reads at least once.
        let (report, succeeded) = end(follower);
        assert_eq!(succeeded, problem.is_empty(), "{report}");
        assert!(report["problems"].to_string().contains(problem), "{report}");
    }
}
