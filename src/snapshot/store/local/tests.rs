use std::os::unix::fs::symlink;

use super::*;

/// A store with an empty staged snapshot.
fn store() -> (tempfile::TempDir, LocalStore) {
    let directory = tempfile::tempdir().unwrap();
    let store = LocalStore::new(&directory.path().join("out")).unwrap();
    fs::create_dir_all(store.staged_snapshot()).unwrap();
    (directory, store)
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
    assert!(store.is_intact("good", &info).unwrap());
    for name in ["flipped", "cut", "link", "directory", "missing", "good/below"] {
        assert!(!store.is_intact(name, &info).unwrap(), "{name}");
    }
}

#[test]
fn unpublished_files_are_removed_but_not_the_targets_of_links() {
    let (_directory, store) = store();
    let elsewhere = tempfile::tempdir().unwrap();
    let at = |name: &str| store.staged_snapshot().join(name);
    fs::write(elsewhere.path().join("thesis"), "years of work").unwrap();
    for name in ["part", "foreign", "part.staged"] {
        fs::write(at(name), "").unwrap();
    }
    symlink(elsewhere.path(), at("to-directory")).unwrap();
    symlink(elsewhere.path().join("thesis"), at("to-file")).unwrap();
    let keep = HashSet::from(["part".to_owned(), "not-there".to_owned()]);
    let mut removed = store.remove_unpublished(&keep).unwrap();
    removed.sort();
    assert_eq!(removed, ["foreign", "part.staged", "to-directory", "to-file"].map(at));
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

#[test]
fn siblings_are_the_other_work_directories() {
    let (directory, store) = store();
    for name in [".dt=1.partial", "dt=2", ".dt=3"] {
        fs::create_dir(directory.path().join(name)).unwrap();
    }
    let siblings = store.siblings();
    let outputs: Vec<&Path> = siblings.iter().map(LocalStore::output_path).collect();
    assert_eq!(outputs, [directory.path().join("dt=1")]);
}
