//! Objects of an unfinished run that were deleted or changed by others, as a lifecycle rule does: they are named, and never published.

use crate::support::Output;
use crate::support::object_store::faults::{Fault, Release, Rule};
use crate::support::object_store::http::Operation;
use crate::support::object_store::kinds;
use crate::support::object_store::scene::{Scene, WORK};

const ACCOUNTS: usize = 900;

/// A run that was killed after three parts were committed.
fn killed(kind: crate::support::object_store::Kind) -> Scene {
    let scene = Scene::new(kind, ACCOUNTS);
    let rule = Rule::new(Fault::HoldResponse).on(Operation::Put).key("*/journal/*").skip(3);
    assert!(scene.kill_at(rule, Release::Discard));
    assert_eq!(scene.committed_parts().len(), 3);
    scene
}

/// A part that an entry names, below the work prefix.
fn committed_part(scene: &Scene) -> String {
    scene.committed_parts().remove(0)
}

/// That a run refuses to resume, and starts over with `--restart`.
#[track_caller]
fn ensure_refused_until_restart(scene: &Scene, object: &str) -> Output {
    let before = scene.bucket.objects();
    let output = scene.export(&[]).expect_code(2);
    assert!(output.error().contains(object), "{object} is not named\n{output}");
    assert!(output.error().contains("--restart"), "{output}");
    assert_eq!(scene.manifest(), None, "{output}");
    let after = scene.bucket.objects();
    let kept = before.iter().filter(|(key, _)| !key.ends_with("lock.json"));
    for (key, content) in kept.filter(|(key, _)| key.contains("/journal/")) {
        assert_eq!(after.get(key), Some(content), "{key} was changed\n{output}");
    }
    scene.export(&["--restart"]).expect_code(0);
    scene.published("restarted");
    output
}

#[test]
fn an_expired_part_is_named() {
    for kind in kinds() {
        let scene = killed(kind);
        let part = committed_part(&scene);
        scene.bucket.delete(&format!("{WORK}/{part}"));
        ensure_refused_until_restart(&scene, &part);
    }
}

#[test]
fn a_changed_part_is_named() {
    for kind in kinds() {
        let scene = killed(kind);
        let part = committed_part(&scene);
        scene.bucket.damage(&format!("{WORK}/{part}"));
        ensure_refused_until_restart(&scene, &part);
    }
}

#[test]
fn an_expired_part_is_requested_with_repair() {
    for kind in kinds() {
        let scene = killed(kind);
        scene.bucket.delete(&format!("{WORK}/{}", committed_part(&scene)));
        scene.export(&["--repair"]).expect_code(0);
        scene.published("repaired");
    }
}

/// Whatever is wrong with the journal, a run publishes all rows or refuses; it never takes a part for committed that is not.
#[test]
fn a_damaged_journal_never_costs_a_row() {
    for kind in kinds() {
        for number in 0..4 {
            for is_deleted in [false, true] {
                let scene = killed(kind);
                let entry = format!("{WORK}/journal/{number:08}.json");
                if is_deleted {
                    scene.bucket.delete(&entry)
                } else {
                    scene.bucket.damage(&entry)
                }
                let about = format!("{kind:?}: entry {number}, deleted: {is_deleted}");
                let output = scene.export(&[]);
                match output.code {
                    Some(0) => drop(scene.published(&about)),
                    Some(2) => {
                        assert!(output.error().contains("journal"), "{about}\n{output}");
                        assert_eq!(scene.manifest(), None, "{about}\n{output}");
                        scene.export(&["--restart"]).expect_code(0);
                        scene.published(&about);
                    }
                    _ => panic!("{about}\n{output}"),
                }
            }
        }
    }
}
