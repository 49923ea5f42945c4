//! The protocol on a store in this process: leases, entries of the journal, publication.

use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::bucket::tests::fake_store::FakeStore;
use crate::bucket::tests::{PATIENCE, fake_bucket};
use crate::bucket::{BucketSettings, Put, When};
use crate::snapshot::checkpoint::RunHeader;
use crate::snapshot::journal::{Journal, VERSION};
use crate::snapshot::layout::staged_file;
use crate::snapshot::store::{Lock, write_file};
use crate::util::exit_code::{ExitCode, HasExitCode};

const OUTPUT: &str = "s3://lake/t/profiles/dt=2026-11-22";

/// A store of an output, and one of another process for the same output.
struct Scene {
    store: BucketStore,
    other: BucketStore,
    objects: Arc<FakeStore>,
    _scratch: tempfile::TempDir,
}

impl Scene {
    fn new() -> Scene {
        let (bucket, objects) = fake_bucket(OUTPUT);
        let scratch = tempfile::tempdir().unwrap();
        let process = |name: &str, host: &str| {
            let settings = BucketOutput {
                bucket: BucketSettings::default(),
                patience: PATIENCE,
                scratch: scratch.path().join(name),
            };
            let (output, root) = (Path::new(OUTPUT), Path::new("s3://lake/t/profiles"));
            let mut store =
                BucketStore::in_bucket(bucket.clone(), output, root, &settings).unwrap();
            let mut identity = ProcessIdentity::of_this_process();
            identity.host = host.to_owned();
            store.identity = Arc::new(identity);
            scratch::create(&store.scratch).unwrap();
            store.holding.confirm(holding::now());
            store
        };
        let (store, other) = (process("a", "pod-a"), process("b", "pod-b"));
        Scene { store, other, objects, _scratch: scratch }
    }

    fn keys(&self) -> Vec<String> {
        self.objects.objects.lock().unwrap().keys().cloned().collect()
    }
}

fn stage(store: &BucketStore, run_id: &str, part: &str) -> Manifest {
    let manifest = format!(
        r#"{{"run":{{"id":"{run_id}"}},"counts":{{"rows":1}},"parts":[{{"file":"{part}","rows":1}}]}}"#
    );
    for (name, content) in [
        (part, "rows"),
        (MANIFEST_FILE, manifest.as_str()),
        ("_failed_accounts.tsv", "account\n"),
        ("_rejected_values.tsv", "account\n"),
        ("_report.html", run_id),
    ] {
        write_file(store, &staged_file(name), content.as_bytes()).unwrap();
    }
    serde_json::from_str(&manifest).unwrap()
}

#[test]
fn a_lease_is_taken_over_after_a_minute_without_a_renewal() {
    let scene = Scene::new();
    lease::take(&scene.store, &mut |_| unreachable!()).unwrap();
    let mut waited = Duration::ZERO;
    let (_, has_taken_over) = lease::take(&scene.other, &mut |time| waited += time).unwrap();
    assert!(has_taken_over);
    assert_eq!(waited, Duration::from_secs(60));
    assert_eq!(scene.keys(), ["t/.profiles.partial/dt=2026-11-22/lock.json"]);
}

#[test]
fn a_lease_that_is_renewed_is_not_taken_over() {
    let scene = Scene::new();
    let (version, _) = lease::take(&scene.store, &mut |_| unreachable!()).unwrap();
    let mut looks = 0;
    let taken = lease::take(&scene.other, &mut |_| {
        looks += 1;
        if looks == 11 {
            let key = scene.store.work_key(LEASE_KEY);
            let renewed = scene.store.bucket.put(&key, "{}", When::Unchanged(version.clone()));
            assert!(matches!(renewed.unwrap(), Put::Stored(_)));
        }
    });
    assert!(
        matches!(taken, Err(WorkDirectoryError::Locked { holder, .. }) if holder.contains("pod-a"))
    );
    assert_eq!(looks, 11);
}

#[test]
fn a_lease_that_is_released_meanwhile_is_taken() {
    let scene = Scene::new();
    lease::take(&scene.store, &mut |_| unreachable!()).unwrap();
    let taken = lease::take(&scene.other, &mut |_| {
        scene.store.delete([LEASE_KEY.to_owned()]).unwrap();
    });
    taken.unwrap();
    let lease = scene.store.bucket.get(&scene.store.work_key(LEASE_KEY)).unwrap().unwrap();
    assert_eq!(lease::holder(&lease.content).unwrap().host, "pod-b");
}

#[test]
fn a_dropped_lease_is_released_but_not_that_of_another_run() {
    let scene = Scene::new();
    let (lease, _) = Lease::take(&scene.store).unwrap();
    assert!(lease.is_held().unwrap());
    drop(lease);
    assert_eq!(scene.keys(), [""; 0]);
    let (lease, _) = Lease::take(&scene.store).unwrap();
    lease::take(&scene.other, &mut |_| {}).unwrap();
    assert!(lease.is_held().is_err());
    drop(lease);
    assert_eq!(scene.keys().len(), 1);
}

#[test]
fn an_entry_of_the_journal_is_never_written_twice() {
    let scene = Scene::new();
    let mut journal = scene.store.create_journal().unwrap();
    journal.append("{\"entry\":\"begin\"}\n").unwrap();
    scene.other.next_entry.store(1, Ordering::Relaxed);
    let mut of_other = scene.other.resume_journal(0).unwrap();
    of_other.append("second\n").unwrap();
    let error = journal.append("also second\n").unwrap_err();
    assert!(error.to_string().starts_with("another run has taken over s3://lake/"), "{error}");
    assert_eq!(error.exit_code(), ExitCode::TryAgainLater);
    let expected = b"{\"entry\":\"begin\"}\nsecond\n".to_vec();
    assert_eq!(scene.other.read_journal().unwrap(), Some(expected));
}

#[test]
fn a_replaced_journal_starts_with_its_header_whatever_is_left_of_the_earlier_one() {
    let scene = Scene::new();
    scene.store.replace_journal("{\"entry\":\"begin\"} old\n").unwrap().append("x\n").unwrap();
    let kept = scene.objects.objects.lock().unwrap().clone();
    scene.store.replace_journal("{\"entry\":\"begin\"} new\n").unwrap();
    assert_eq!(scene.keys().len(), 1);
    // As after a kill before the earlier entries were deleted.
    scene.objects.objects.lock().unwrap().extend(kept);
    scene.store.cache_journal(None);
    let read = scene.store.read_journal().unwrap().unwrap();
    assert_eq!(String::from_utf8(read).unwrap(), "{\"entry\":\"begin\"} new\n");
}

#[test]
fn a_publication_replaces_the_files_of_the_earlier_manifest_only() {
    let scene = Scene::new();
    for (run, part) in [
        ("aaaaaaaa1", "part-00000-aaaaaaaa-00000001.csv"),
        ("bbbbbbbb1", "part-00000-bbbbbbbb-00000002.csv"),
    ] {
        let manifest = stage(&scene.store, run, part);
        let foreign = scene.store.output_key("part-of-somebody.csv");
        scene.store.bucket.put(&foreign, "x", When::Always).unwrap();
        // What a publication left that was never completed.
        let orphan = scene.store.output_key("part-00007-cccccccc-00000003.csv");
        scene.store.bucket.put(&orphan, "x", When::Always).unwrap();
        scene.store.publish(&Publication { manifest: &manifest }).unwrap();
    }
    let published: Vec<String> =
        scene.keys().into_iter().filter(|key| !key.contains(".partial")).collect();
    insta::assert_snapshot!(published.join("\n").replace("t/profiles/dt=2026-11-22/", ""), @r"
    _SUCCESS
    _failed_accounts.tsv
    _manifest.json
    _rejected_values.tsv
    _report.html
    _symlink_format_manifest/manifest
    part-00000-bbbbbbbb-00000002.csv
    part-of-somebody.csv
    ");
    let objects = scene.objects.objects.lock().unwrap();
    let symlinks = &objects["t/profiles/dt=2026-11-22/_symlink_format_manifest/manifest"];
    assert_eq!(
        String::from_utf8_lossy(symlinks),
        "s3://lake/t/profiles/dt=2026-11-22/part-00000-bbbbbbbb-00000002.csv\n"
    );
}

#[test]
fn what_a_stopped_run_or_a_check_left_at_the_output_path_is_not_foreign() {
    let scene = Scene::new();
    let put = |name: &str| {
        let key = scene.store.output_key(name);
        scene.store.bucket.put(&key, "x", When::Always).unwrap();
    };
    put("part-00007-cccccccc-00000003.csv");
    put("_check-00000001");
    assert_eq!(scene.store.occupant().unwrap(), Occupant::Nothing);
    put("part-00000.csv");
    assert_eq!(scene.store.occupant().unwrap(), Occupant::SomethingElse);
}

#[test]
fn a_publication_without_its_plan_is_completed() {
    let scene = Scene::new();
    let manifest = stage(&scene.store, "aaaaaaaa1", "part-00000-aaaaaaaa-00000001.csv");
    scene.store.publish(&Publication { manifest: &manifest }).unwrap();
    let header = RunHeader {
        version: VERSION,
        run_id: "aaaaaaaa1".to_owned(),
        date: "2026-11-22".to_owned(),
        started_at: String::new(),
        content: Default::default(),
    };
    Journal::create(&scene.store, header).unwrap();
    for name in ["_SUCCESS", "_report.html"] {
        scene.store.bucket.delete_all(vec![scene.store.output_key(name)]).unwrap();
    }
    scene.store.delete(["publish-aaaaaaaa.json".to_owned()]).unwrap();
    publication::roll_forward(&scene.store).unwrap();
    for name in ["_SUCCESS", "_report.html"] {
        let found = scene.store.bucket.head(&scene.store.output_key(name)).unwrap();
        assert!(found.is_some(), "{name}");
    }
}

#[test]
fn a_publication_does_not_replace_a_snapshot_that_it_has_not_seen() {
    let scene = Scene::new();
    let manifest = stage(&scene.store, "aaaaaaaa1", "part-00000-aaaaaaaa-00000001.csv");
    let key = scene.store.work_key("publish-aaaaaaaa.json");
    let plan =
        r#"{"run_id":"aaaaaaaa1","parts":["part-00000-aaaaaaaa-00000001.csv"],"replaced":null}"#;
    scene.store.bucket.put(&key, plan, When::Always).unwrap();
    let other = stage(&scene.other, "bbbbbbbb1", "part-00000-bbbbbbbb-00000002.csv");
    scene.other.publish(&Publication { manifest: &other }).unwrap();
    // The other one has overwritten the staged manifest.
    let error = publication::roll_forward(&scene.store).unwrap_err().to_string();
    assert!(error.starts_with("another run has taken over s3://lake/"), "{error}");
    stage(&scene.store, "aaaaaaaa1", "part-00000-aaaaaaaa-00000001.csv");
    let error = publication::roll_forward(&scene.store).unwrap_err().to_string();
    assert!(error.starts_with("another run has published s3://lake/"), "{error}");
    assert_eq!(scene.store.manifest().unwrap().unwrap().run.id, other.run.id);
    assert_ne!(manifest.run.id, other.run.id);
}
