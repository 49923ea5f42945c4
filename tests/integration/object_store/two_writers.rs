//! One run at a time writes an output, and one that was replaced stops before it does harm.

use std::collections::BTreeSet;

use crate::support::object_store::faults::{Fault, Release, Rule};
use crate::support::object_store::http::Operation;
use crate::support::object_store::kinds;
use crate::support::object_store::scene::{OUTPUT, Scene, WORK};

const ACCOUNTS: usize = 900;

/// The put of the n-th entry of the journal, from 0.
fn entry(number: u64, fault: Fault) -> Rule {
    Rule::new(fault).on(Operation::Put).key("*/journal/*").skip(number).times(1)
}

#[test]
fn the_second_run_exits_with_75_and_names_the_first() {
    for kind in kinds() {
        let scene = Scene::new(kind, ACCOUNTS);
        scene.bucket.proxy.inject(entry(2, Fault::Hold));
        let mut first = scene.start(&[]);
        scene.wait_until_held(&mut first);
        let before = scene.bucket.keys();
        for more in [&[][..], &["--restart"]] {
            let second = scene.directory.export(&scene.arguments(more)).expect_code(75);
            let pid = first.id().to_string();
            let error = second.error();
            assert!(error.contains("another run is writing") && error.contains(&pid), "{second}");
            assert!(error.contains(&scene.bucket.url(OUTPUT)), "{second}");
        }
        assert!(before.is_subset(&scene.bucket.keys()), "{kind:?}: the second run deleted objects");
        scene.bucket.proxy.release(Release::Forward);
        first.end().expect_code(0);
        scene.published("");
    }
}

/// A pod that was cut off and comes back finds that another one has written the next entry.
#[test]
fn a_run_that_was_replaced_exits_with_75_and_publishes_nothing() {
    for kind in kinds() {
        let scene = Scene::new(kind, ACCOUNTS);
        scene.bucket.proxy.inject(entry(2, Fault::Hold));
        let mut run = scene.start(&[]);
        scene.wait_until_held(&mut run);
        let stranger = "{\"entry\":\"of another run\"}\n";
        scene.bucket.put(&format!("{WORK}/journal/00000002.json"), stranger);
        scene.bucket.proxy.release(Release::Forward);
        let output = run.end().expect_code(75);
        assert!(output.error().contains("taken over"), "{output}");
        assert_eq!(scene.manifest(), None, "{output}");
        let entry = scene.bucket.get(&format!("{WORK}/journal/00000002.json")).unwrap();
        assert_eq!(entry, stranger.as_bytes(), "{output}");
    }
}

/// The lease is held by a process of this machine that was killed, so nobody waits for a minute.
#[test]
fn the_lease_of_a_killed_run_is_taken_over_at_once() {
    for kind in kinds() {
        let scene = Scene::new(kind, ACCOUNTS);
        assert!(scene.kill_at(entry(2, Fault::Hold), Release::Discard));
        assert!(scene.work().contains("lock.json"), "{:?}", scene.work());
        let output = scene.export(&["-v"]).expect_code(0);
        assert!(!output.stderr.contains("waiting to see whether it renews"), "{output}");
        scene.published("");
    }
}

/// Two runs that start at the same moment: one of them publishes, and never both at once.
#[test]
fn of_two_runs_that_start_at_once_each_publishes_or_exits_with_75() {
    for kind in kinds() {
        let scene = Scene::new(kind, ACCOUNTS);
        scene
            .bucket
            .proxy
            .inject(Rule::new(Fault::Hold).on(Operation::Put).key("*/lock.json").times(2));
        let mut first = scene.start(&[]);
        scene.wait_until_held(&mut first);
        let second = scene.directory.start_export(&scene.arguments(&[]), &[]);
        crate::support::wait_until("both", || {
            scene.bucket.proxy.count(Operation::Put, "*/lock.json") == 2
        });
        scene.bucket.proxy.release(Release::Forward);
        let codes = [first.end(), second.end()].map(|output| output.code);
        let distinct: BTreeSet<Option<i32>> = codes.into();
        // The slower one may start after the other one has ended.
        assert!(
            distinct.contains(&Some(0)) && distinct.is_subset(&[Some(0), Some(75)].into()),
            "{codes:?}"
        );
        scene.published("");
    }
}
