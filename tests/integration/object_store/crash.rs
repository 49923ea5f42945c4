//! Every durable step that a run to a bucket has: the process ends there, or the disk of the scratch directory is full.

use std::collections::BTreeSet;

use im_profiles::internals::failpoint;

use crate::support::Found;
use crate::support::object_store::Kind;
use crate::support::object_store::scene::Scene;
use crate::support::scenario::accounts;

/// Three parts of two chunks each, the last one short.
const ACCOUNTS: usize = 520;

/// A bucket with a snapshot of fewer accounts, whose job then gets all of them.
fn with_earlier_snapshot() -> (Scene, Found) {
    let mut scene = Scene::new(Kind::Memory, ACCOUNTS);
    scene.set_accounts(accounts(300));
    scene.export(&[]).expect_code(0);
    let earlier = scene.published("earlier");
    scene.set_accounts(accounts(ACCOUNTS));
    (scene, earlier)
}

/// Stops a run at every point, in one way, and runs the same command again. Returns the points that a run has.
fn stop_at_every_point(suffix: &str) -> BTreeSet<&'static str> {
    let (scene, _) = with_earlier_snapshot();
    scene.export(&[]).expect_code(0);
    let new = scene.published("undisturbed");
    let mut reached = BTreeSet::new();
    for &point in failpoint::ALL.iter().chain(failpoint::IN_A_BUCKET) {
        for occurrence in [1, 2, 5] {
            let (scene, earlier) = with_earlier_snapshot();
            let failpoint = format!("{point}#{occurrence}{suffix}");
            scene.empty_scratch();
            let environment = [("IM_PROFILES_FAILPOINT", failpoint.as_str())];
            let output = scene.directory.export_with(&environment, &scene.arguments(&[]));
            if output.code == Some(0) {
                scene.published(&failpoint).ensure_is(&new, &failpoint);
                break;
            }
            reached.insert(point);
            assert_eq!(
                output.code,
                if suffix.is_empty() { None } else { Some(1) },
                "{failpoint}\n{output}"
            );
            let parts = scene.parts_of_manifest(&failpoint);
            let is = |found: &Found| matches!(found, Found::Complete { parts: known, .. } if *known == parts);
            assert!(is(&earlier) || is(&new), "{failpoint}: the parts are those of no snapshot");
            let output = scene.export(&[]);
            assert_eq!(output.code, Some(0), "{failpoint}\n{output}");
            scene.published(&failpoint).ensure_is(&new, &failpoint);
        }
    }
    reached
}

#[test]
fn a_run_that_ends_at_any_point_is_completed() {
    ensure_has_points_of_buckets(&stop_at_every_point(""));
}

#[test]
fn a_run_that_fails_at_any_point_is_completed() {
    ensure_has_points_of_buckets(&stop_at_every_point("=enospc"));
}

fn ensure_has_points_of_buckets(reached: &BTreeSet<&str>) {
    for point in ["journal:append", "journal:appended"].iter().chain(failpoint::IN_A_BUCKET) {
        assert!(reached.contains(point), "{point}: {reached:?}");
    }
}
