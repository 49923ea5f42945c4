//! A run that was killed is resumed from the bucket alone, at once.

use crate::support::Found;
use crate::support::object_store::faults::{Fault, Release, Rule};
use crate::support::object_store::http::Operation;
use crate::support::object_store::kinds;
use crate::support::object_store::scene::{OUTPUT, Scene};

/// Seven parts of two chunks each.
const ACCOUNTS: usize = 1_400;
const PARTS: usize = 7;

#[test]
fn an_export_publishes_what_a_local_one_does() {
    for kind in kinds() {
        let scene = Scene::new(kind, ACCOUNTS);
        let output = scene.export(&["--json"]).expect_code(0);
        let Found::Complete { parts, .. } = scene.published("") else { panic!("{output}") };
        assert_eq!(parts.len(), PARTS, "{output}");
        let local = scene.local_parts();
        assert!(parts == local, "{kind:?}: the parts differ from those of a local snapshot");
        let path = output.summary()["output_path"].as_str().map(str::to_owned);
        assert_eq!(path, Some(scene.bucket.url(OUTPUT)), "{output}");
        // Nothing is left on the disk.
        assert_eq!(scene.directory.names("scratch"), [""; 0].map(str::to_owned).into(), "{output}");
    }
}

#[test]
fn a_killed_run_is_resumed_without_its_scratch_directory() {
    for kind in kinds() {
        let scene = Scene::new(kind, ACCOUNTS);
        scene.export(&[]).expect_code(0);
        let undisturbed = scene.published("");
        scene.clear();
        let all_calls = scene.server.calls();
        // The fourth entry of a part; the first entry is that of the run.
        let rule = Rule::new(Fault::HoldResponse).on(Operation::Put).key("*/journal/*").skip(4);
        assert!(scene.kill_at(rule, Release::Discard));
        assert_eq!(scene.committed_parts().len(), 4, "{kind:?}");
        let before = scene.server.calls();
        let output = scene.export(&["--json"]).expect_code(0);
        let resumed_calls = scene.server.calls() - before;
        assert!(
            resumed_calls <= all_calls - 8,
            "{kind:?}: {resumed_calls} calls of {all_calls}\n{output}"
        );
        scene.published("resumed").ensure_is(&undisturbed, "resumed");
    }
}

#[test]
fn an_upload_without_an_entry_is_removed_and_its_accounts_are_requested() {
    for kind in kinds() {
        let scene = Scene::new(kind, ACCOUNTS);
        let rule = Rule::new(Fault::Hold).on(Operation::Put).key("*/journal/*").skip(3);
        assert!(scene.kill_at(rule, Release::Discard));
        let uploaded = scene.bucket.keys_with("/snapshot/");
        assert!(uploaded.len() > scene.committed_parts().len(), "{uploaded:?}");
        // An entry that arrives after its process has ended counts as well.
        scene.export(&[]).expect_code(0);
        scene.published("");
    }
}

#[test]
fn restart_discards_what_is_in_the_bucket() {
    for kind in kinds() {
        let scene = Scene::new(kind, ACCOUNTS);
        let rule = Rule::new(Fault::HoldResponse).on(Operation::Put).key("*/journal/*").skip(4);
        assert!(scene.kill_at(rule, Release::Discard));
        let before = scene.server.calls();
        scene.export(&["--restart"]).expect_code(0);
        assert!(scene.server.calls() - before >= 14);
        scene.published("");
    }
}

#[test]
fn a_stopped_run_leaves_no_lease_and_is_resumed() {
    for kind in kinds() {
        let scene = Scene::new(kind, ACCOUNTS);
        let rule = Rule::new(Fault::Hold).on(Operation::Put).key("*/journal/*").skip(3);
        scene.bucket.proxy.inject(rule);
        let mut run = scene.start(&[]);
        scene.wait_until_held(&mut run);
        run.signal(rustix::process::Signal::TERM);
        run.wait_for_stderr("stopping");
        scene.bucket.proxy.release(Release::Forward);
        run.end().expect_code(143);
        assert!(!scene.work().contains("lock.json"), "{kind:?}: {:?}", scene.work());
        assert!(scene.committed_parts().len() >= 3);
        scene.export(&[]).expect_code(0);
        scene.published("");
    }
}
