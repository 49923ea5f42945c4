//! A publish that is killed at any of its requests is completed by the next run, and readers find one snapshot meanwhile.

use crate::support::Found;
use crate::support::object_store::faults::{Fault, Release, Rule};
use crate::support::object_store::http::Operation;
use crate::support::object_store::scene::{OUTPUT, Scene};
use crate::support::object_store::{Kind, kinds};
use crate::support::scenario::accounts;

const ACCOUNTS: usize = 500;

/// A bucket with a snapshot of the first accounts of the list, whose job then gets all of them.
fn with_earlier_snapshot(kind: Kind) -> (Scene, Found) {
    let mut scene = Scene::new(kind, ACCOUNTS);
    scene.set_accounts(accounts(150));
    scene.export(&[]).expect_code(0);
    let earlier = scene.published("earlier");
    scene.set_accounts(accounts(ACCOUNTS));
    (scene, earlier)
}

/// The requests of an undisturbed export from the first copy on, and what is published.
fn undisturbed(kind: Kind) -> (u64, u64, Found) {
    let (scene, _) = with_earlier_snapshot(kind);
    scene.bucket.proxy.inject(Rule::new(Fault::Hold).on(Operation::Copy).times(1));
    let start = scene.bucket.proxy.requests();
    let mut run = scene.start(&[]);
    scene.wait_until_held(&mut run);
    let before = scene.bucket.proxy.requests() - start;
    scene.bucket.proxy.release(Release::Forward);
    run.end().expect_code(0);
    (before, scene.bucket.proxy.requests() - start, scene.published("undisturbed"))
}

/// What a reader finds that follows the manifest: one of two snapshots, complete.
fn ensure_is_one_of(scene: &Scene, earlier: &Found, new: &Found, about: &str) {
    let found = scene.parts_of_manifest(about);
    let is =
        |snapshot: &Found| matches!(snapshot, Found::Complete { parts, .. } if *parts == found);
    assert!(is(earlier) || is(new), "{about}: the parts are those of no snapshot");
}

fn kill_at_every_request(kind: Kind, faults: &[(Fault, Release)]) {
    let (first, all, new) = undisturbed(kind);
    assert!(all > first + 5, "{first} of {all}");
    // From a few requests before the first copy: the plan is written there.
    for skip in first.saturating_sub(6)..all {
        for &(fault, release) in faults {
            let (scene, earlier) = with_earlier_snapshot(kind);
            let about = format!("{kind:?}: {fault:?}, {release:?} at request {skip} of {all}");
            if !scene.kill_at(Rule::new(fault).skip(skip), release) {
                // Fewer requests than in the undisturbed run: the order of concurrent ones varies.
                scene.published(&about).ensure_is(&new, &about);
                continue;
            }
            ensure_is_one_of(&scene, &earlier, &new, &about);
            scene.export(&[]).expect_code(0);
            scene.published(&about).ensure_is(&new, &about);
        }
    }
}

#[test]
fn a_publish_that_is_killed_before_any_request_is_completed() {
    kill_at_every_request(Kind::Memory, &[(Fault::Hold, Release::Discard)]);
}

#[test]
fn a_publish_that_is_killed_after_any_request_is_completed() {
    kill_at_every_request(Kind::Memory, &[(Fault::HoldResponse, Release::Discard)]);
}

#[test]
fn a_publish_whose_last_request_arrives_late_is_completed() {
    kill_at_every_request(Kind::Memory, &[(Fault::Hold, Release::Forward)]);
}

/// Without the service: rolling forward takes no call.
#[test]
fn a_publish_is_completed_without_the_scratch_directory_and_marks_success_last() {
    for kind in kinds() {
        let (scene, _) = with_earlier_snapshot(kind);
        let rule = Rule::new(Fault::Hold).on(Operation::Put).key(&format!("*/{OUTPUT}/_SUCCESS"));
        assert!(scene.kill_at(rule, Release::Discard));
        assert_eq!(scene.bucket.get(&format!("{OUTPUT}/_SUCCESS")), None, "{kind:?}");
        scene.export(&[]).expect_code(0);
        assert_eq!(scene.bucket.get(&format!("{OUTPUT}/_SUCCESS")), Some(Vec::new()), "{kind:?}");
        scene.published("");
    }
}

#[test]
fn the_symlink_manifest_names_every_part_by_url() {
    for kind in kinds() {
        let scene = Scene::new(kind, ACCOUNTS);
        scene.export(&[]).expect_code(0);
        let text =
            scene.bucket.get(&format!("{OUTPUT}/_symlink_format_manifest/manifest")).unwrap();
        let manifest = scene.manifest().unwrap();
        let files =
            manifest["parts"].as_array().unwrap().iter().map(|part| part["file"].as_str().unwrap());
        let expected: String = files
            .map(|file| format!("{}\n", scene.bucket.url(&format!("{OUTPUT}/{file}"))))
            .collect();
        assert_eq!(String::from_utf8(text).unwrap(), expected, "{kind:?}");
    }
}
