//! Faults of the store, by kind and by operation: those that pass cost no row, and an outage ends with exit code 75 and
//! everything that was committed.

use crate::support::object_store::faults::{
    Fault, INTERNAL_ERROR, Release, Rule, SLOW_DOWN, TOO_MANY_REQUESTS,
};
use crate::support::object_store::http::Operation;
use crate::support::object_store::scene::{Scene, WORK};
use crate::support::object_store::{Kind, kinds};

const ACCOUNTS: usize = 900;
const OPERATIONS: [Operation; 6] = [
    Operation::Put,
    Operation::Get,
    Operation::Head,
    Operation::Delete,
    Operation::List,
    Operation::Copy,
];

/// A fault of every kind that passes, of one request in three.
#[test]
fn faults_that_pass_cost_nothing() {
    for kind in kinds() {
        for fault in
            [SLOW_DOWN, INTERNAL_ERROR, Fault::Reset, Fault::DropResponse, Fault::TruncateResponse]
        {
            let scene = Scene::new(kind, ACCOUNTS);
            for operation in OPERATIONS.into_iter().chain([Operation::DeleteMany]) {
                for skip in [0, 2, 4] {
                    scene.bucket.proxy.inject(Rule::new(fault).on(operation).skip(skip).times(1));
                }
            }
            let output = scene.export(&[]);
            assert_eq!(output.code, Some(0), "{kind:?}: {fault:?}\n{output}");
            assert!(
                scene.bucket.proxy.faults() >= 8,
                "{kind:?}: {fault:?}: {}",
                scene.bucket.proxy.faults()
            );
            scene.published(&format!("{kind:?}: {fault:?}"));
        }
    }
}

/// The writes on which the protocol rests: the response to each is lost after the store carried it out.
#[test]
fn a_lost_response_to_a_write_is_read_back() {
    for kind in kinds() {
        for key in [
            "*/lock.json",
            "*/journal/00000000.json",
            "*/journal/00000003.json",
            "*part-00001*",
            "*/publish-*.json",
            "*/_manifest.json",
            "*/manifest",
            "*/_SUCCESS",
        ] {
            let scene = Scene::new(kind, ACCOUNTS);
            scene
                .bucket
                .proxy
                .inject(Rule::new(Fault::DropResponse).on(Operation::Put).key(key).times(1));
            let output = scene.export(&[]);
            assert_eq!(output.code, Some(0), "{kind:?}: {key}\n{output}");
            assert_eq!(scene.bucket.proxy.faults(), 1, "{kind:?}: nothing is written to {key}");
            scene.published(&format!("{kind:?}: {key}"));
        }
    }
}

#[test]
fn a_pause_that_the_store_names_is_kept() {
    let scene = Scene::new(Kind::Memory, ACCOUNTS);
    let rule = Rule::new(TOO_MANY_REQUESTS).on(Operation::Put).key("*/journal/*").times(1);
    scene.bucket.proxy.inject(rule);
    scene.export(&[]).expect_code(0);
    scene.published("");
}

/// The store is gone for good in the middle of the run.
#[test]
fn an_outage_ends_with_75_and_keeps_what_is_committed() {
    let undisturbed = Scene::new(Kind::Memory, ACCOUNTS);
    undisturbed.export(&[]).expect_code(0);
    let all_calls = undisturbed.server.calls();
    for kind in kinds() {
        for fault in [SLOW_DOWN, INTERNAL_ERROR, Fault::Reset] {
            let scene = Scene::new(kind, ACCOUNTS);
            // From the third entry on, no request succeeds.
            scene
                .bucket
                .proxy
                .inject(Rule::new(Fault::Hold).on(Operation::Put).key("*/journal/*").skip(3));
            let mut run = scene.start(&["--set", "retry.outage_patience=200ms"]);
            scene.wait_until_held(&mut run);
            scene.bucket.proxy.inject(Rule::new(fault));
            scene.bucket.proxy.release(Release::Discard);
            let output = run.end();
            assert_eq!(output.code, Some(75), "{kind:?}: {fault:?}\n{output}");
            assert!(
                output.error().contains("store") || output.error().contains("bucket"),
                "{output}"
            );
            assert_eq!(scene.committed_parts().len(), 2, "{kind:?}: {fault:?}\n{output}");
            scene.bucket.proxy.heal();
            let before = scene.server.calls();
            scene.export(&[]).expect_code(0);
            // Two of five parts are not requested again.
            assert!(scene.server.calls() - before <= all_calls - 4, "{kind:?}: {fault:?}");
            scene.published(&format!("{kind:?}: {fault:?}"));
        }
    }
}

#[test]
fn an_outage_from_the_start_ends_with_75() {
    let scene = Scene::new(Kind::Memory, ACCOUNTS);
    scene.bucket.proxy.inject(Rule::new(INTERNAL_ERROR));
    let output = scene.export(&["--set", "retry.outage_patience=200ms"]).expect_code(75);
    assert!(scene.bucket.keys().is_empty(), "{output}");
    assert_eq!(scene.server.calls(), 0, "{output}");
}

/// Credentials that the store does not accept are not an outage.
#[test]
fn refused_credentials_end_the_run_at_once() {
    for kind in kinds() {
        let scene = Scene::new(kind, ACCOUNTS);
        let denied =
            Fault::Reply { status: "403 Forbidden", code: "AccessDenied", retry_after: None };
        scene.bucket.proxy.inject(Rule::new(denied));
        let output = scene.export(&[]);
        assert!(matches!(output.code, Some(code) if code != 0 && code != 75), "{kind:?}\n{output}");
        assert!(
            output.error().contains("AccessDenied") || output.error().contains("403"),
            "{output}"
        );
        assert_eq!(scene.server.calls(), 0, "{output}");
    }
}

/// While the store hangs, calls are held back by the queue of uploads: memory does not grow.
#[test]
fn a_store_that_hangs_holds_the_calls_back() {
    let scene = Scene::new(Kind::Memory, 40_000);
    scene.bucket.proxy.inject(Rule::new(Fault::Hold).on(Operation::Put).key("*part-*"));
    let mut run = scene.start(&[]);
    scene.wait_until_held(&mut run);
    // The calls stop by themselves.
    let mut seen = 0;
    let mut unchanged = 0;
    while unchanged < 20 {
        std::thread::sleep(std::time::Duration::from_millis(50));
        unchanged = if scene.server.calls() == seen { unchanged + 1 } else { 0 };
        seen = scene.server.calls();
    }
    assert!(seen < 350, "{seen} of 400 calls are made");
    scene.bucket.proxy.release(Release::Forward);
    run.end().expect_code(0);
    scene.published("");
    assert!(!scene.bucket.keys().iter().any(|key| key.starts_with(WORK)));
}
