//! Objects that are not the program's own are never deleted or overwritten.

use crate::support::object_store::kinds;
use crate::support::object_store::scene::{OUTPUT, Scene, WORK};

const ACCOUNTS: usize = 300;

#[test]
fn a_prefix_with_something_else_is_refused_and_kept() {
    for kind in kinds() {
        for foreign in ["report.parquet", "deeper/table.csv", "_SUCCESS"] {
            let scene = Scene::new(kind, ACCOUNTS);
            let key = format!("{OUTPUT}/{foreign}");
            scene.bucket.put(&key, "of somebody else");
            let output = scene.export(&[]).expect_code(2);
            assert!(output.error().contains(&scene.bucket.url(OUTPUT)), "{output}");
            assert_eq!(scene.server.calls(), 0, "{output}");
            assert_eq!(
                scene.bucket.objects().into_iter().collect::<Vec<_>>(),
                [(key, b"of somebody else".to_vec())]
            );
        }
    }
}

/// Neighbors that share the start of a name, objects beside a snapshot, and unknown objects of the work prefix.
#[test]
fn objects_of_others_survive_exports() {
    for kind in kinds() {
        let scene = Scene::new(kind, ACCOUNTS);
        scene.export(&[]).expect_code(0);
        let foreign = [
            format!("{OUTPUT}/notes.txt"),
            format!("{OUTPUT}/deeper/part-00000.parquet"),
            format!("{OUTPUT}-2/part-00000.parquet"),
            "profiles/dt=2026-11-21/part-00000.parquet".to_owned(),
            "profiles.md".to_owned(),
            format!("{WORK}-2/lock.json"),
            ".profiles.partial/dt=2026-11-21/snapshot/.part-00000~parquet.unpublished".to_owned(),
        ];
        foreign.iter().for_each(|key| scene.bucket.put(key, key.as_bytes()));
        for more in [&[][..], &["--restart"]] {
            scene.export(more).expect_code(0);
            for key in &foreign {
                assert_eq!(
                    scene.bucket.get(key).as_deref(),
                    Some(key.as_bytes()),
                    "{kind:?}: {key}"
                );
            }
        }
        foreign.iter().for_each(|key| scene.bucket.delete(key));
        scene.published("");
    }
}

#[test]
fn if_exists_fail_refuses_a_published_prefix() {
    for kind in kinds() {
        let scene = Scene::new(kind, ACCOUNTS);
        scene.export(&[]).expect_code(0);
        let before = scene.bucket.objects();
        let output = scene.export(&["--set", "output.if_exists=fail"]).expect_code(2);
        assert!(output.error().contains("exists already"), "{output}");
        assert!(before == scene.bucket.objects());
    }
}
