use std::os::unix::fs::symlink;

use super::*;
use crate::snapshot::layout::staged_file;

/// A store with an empty staged snapshot.
fn store() -> (tempfile::TempDir, LocalStore) {
    let directory = tempfile::tempdir().unwrap();
    let store = LocalStore::beside(&directory.path().join("out"));
    fs::create_dir_all(store.staged_snapshot()).unwrap();
    (directory, store)
}

fn is_intact(store: &LocalStore, key: &str, info: &FileInfo) -> bool {
    store.are_intact(&[(key.to_owned(), info)]).unwrap() == [true]
}

#[test]
fn only_a_regular_file_with_its_size_and_digest_is_intact() {
    let (_directory, store) = store();
    for (name, content) in [("good", "abc"), ("flipped", "abd"), ("cut", "ab")] {
        fs::write(store.path(name), content).unwrap();
    }
    symlink("good", store.path("link")).unwrap();
    fs::create_dir(store.path("directory")).unwrap();
    let info = FileInfo::of(&store.path("good")).unwrap();
    assert!(is_intact(&store, "good", &info));
    for name in ["flipped", "cut", "link", "directory", "missing", "good/below"] {
        assert!(!is_intact(&store, name, &info), "{name}");
    }
}

#[test]
fn unpublished_files_are_removed_but_not_the_targets_of_links() {
    let (_directory, store) = store();
    let elsewhere = tempfile::tempdir().unwrap();
    let at = |name: &str| store.staged_snapshot().join(name);
    fs::write(elsewhere.path().join("thesis"), "years of work").unwrap();
    for name in [".part~csv.unpublished", "foreign", ".part~csv.unpublished.staged"] {
        fs::write(at(name), "").unwrap();
    }
    symlink(elsewhere.path(), at("to-directory")).unwrap();
    symlink(elsewhere.path().join("thesis"), at("to-file")).unwrap();
    let keep = HashSet::from(["part.csv".to_owned(), "not-there".to_owned()]);
    let mut removed = store.remove_unpublished(&keep).unwrap();
    removed.sort();
    assert_eq!(
        removed,
        [".part~csv.unpublished.staged", "foreign", "to-directory", "to-file"].map(at)
    );
    assert_eq!(fs::read_dir(store.staged_snapshot()).unwrap().count(), 1);
    assert_eq!(fs::read(elsewhere.path().join("thesis")).unwrap(), b"years of work");
}

#[test]
fn a_directory_in_the_staged_snapshot_is_refused_and_kept() {
    let (_directory, store) = store();
    let foreign = store.staged_snapshot().join("notes");
    fs::create_dir(&foreign).unwrap();
    let error = store.remove_unpublished(&HashSet::new()).unwrap_err().to_string();
    assert!(error.contains("notes is not a file of this run; move it away"), "{error}");
    assert!(foreign.is_dir());
}

/// A staged snapshot of two parts with a sidecar, and a run of which version 0.1.0 wrote the rest.
#[test]
fn files_are_found_and_hidden_under_either_name() {
    let (_directory, store) = store();
    let names = ["part-00000.csv", "part-00001.csv", "_SUCCESS"];
    for name in names {
        fs::write(store.path(&staged_file(name)), name).unwrap();
    }
    fs::write(store.path("failed-00000.csv"), "lines").unwrap();
    let info = |name: &str| FileInfo::of(&store.existing(&staged_file(name))).unwrap();
    let before = names.map(info);
    let found = |directory: &Path| {
        let mut found: Vec<String> = entries(directory)
            .unwrap()
            .iter()
            .map(|(entry, _)| entry.file_name().into_string().unwrap())
            .collect();
        found.sort();
        found
    };
    let staged = store.staged_snapshot();
    let hidden = found(&staged);
    store.reveal().unwrap();
    assert_eq!(found(&staged), ["_SUCCESS", "part-00000.csv", "part-00001.csv"]);
    // Stopped between two of the names.
    fs::rename(staged.join("part-00000.csv"), store.path(&staged_file("part-00000.csv"))).unwrap();
    assert_eq!(names.map(info), before);
    // A file of the run is not overwritten.
    fs::write(staged.join("part-00000.csv"), "foreign").unwrap();
    let lines = FileInfo::of(&store.path("failed-00000.csv")).unwrap();
    store.hide().unwrap();
    store.hide().unwrap();
    assert!(is_intact(&store, "failed-00000.csv", &lines));
    assert_eq!(names.map(info), before);
    assert_eq!(found(store.root()), [".failed-00000~csv.unpublished", "snapshot"]);
    fs::remove_file(staged.join("part-00000.csv")).unwrap();
    assert_eq!(found(&staged), hidden);
    store.remove_uncommitted(&HashSet::from(["failed-00000.csv".to_owned()])).unwrap();
    assert!(is_intact(&store, "failed-00000.csv", &lines));
    store.remove_uncommitted(&HashSet::new()).unwrap();
    assert_eq!(found(store.root()), ["snapshot"]);
}
