//! The sample job through the built binary.

mod support;

use support::{Folder, QUICK_JOB};

#[test]
fn a_quick_job_is_published() {
    let folder = Folder::with_job(QUICK_JOB, ["a", "b", "c"]);
    let output = folder.export(&["--json"]).expect_code(0);
    assert_eq!(output.summary()["counts"]["rows"], 3);
    assert_eq!(folder.snapshot("out").table().accounts(), ["a", "b", "c"]);
}
