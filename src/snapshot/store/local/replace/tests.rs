use super::*;
use crate::snapshot::layout::REPLACED_SNAPSHOT;

fn store() -> (tempfile::TempDir, LocalStore) {
    let directory = tempfile::tempdir().unwrap();
    let store = LocalStore::beside(&directory.path().join("out"));
    fs::create_dir(store.root()).unwrap();
    (directory, store)
}

/// A complete snapshot with one file.
fn write_snapshot(path: &Path, content: &str) {
    fs::create_dir(path).unwrap();
    fs::write(path.join("a"), content).unwrap();
    fs::write(path.join(SUCCESS_MARKER), "").unwrap();
}

fn content(path: &Path) -> String {
    fs::read_to_string(path.join("a")).unwrap()
}

fn replaced(store: &LocalStore) -> PathBuf {
    store.root().join(REPLACED_SNAPSHOT)
}

#[test]
fn a_snapshot_replaces_the_previous_one() {
    let (_directory, store) = store();
    write_snapshot(&store.staged_snapshot(), "first");
    store.exchange().unwrap();
    assert_eq!(content(store.output_path()), "first");
    write_snapshot(&store.staged_snapshot(), "second");
    store.exchange().unwrap();
    assert_eq!(content(store.output_path()), "second");
    assert_eq!(content(&store.staged_snapshot()), "first");
}

#[test]
fn without_exchange_the_previous_snapshot_is_moved_aside() {
    let (_directory, store) = store();
    write_snapshot(store.output_path(), "first");
    for content_now in ["second", "third"] {
        write_snapshot(&store.staged_snapshot(), content_now);
        store.replace().unwrap();
        assert_eq!(content(store.output_path()), content_now);
        assert!(!store.staged_snapshot().exists());
    }
    assert_eq!(content(&replaced(&store)), "second");
}

#[test]
fn the_previous_snapshot_is_restored_if_the_new_one_cannot_be_published() {
    let (_directory, store) = store();
    write_snapshot(store.output_path(), "first");
    // The staged snapshot is missing, so the second rename fails.
    let error = store.replace().unwrap_err();
    assert!(error.to_string().contains("could not publish"), "{error}");
    assert_eq!(content(store.output_path()), "first");
    assert_eq!(Occupant::at(&replaced(&store)).unwrap(), Occupant::Nothing);
}

#[test]
fn a_snapshot_that_was_moved_aside_is_restored_to_a_free_path() {
    for has_empty_directory in [false, true] {
        let (_directory, store) = store();
        write_snapshot(&replaced(&store), "earlier");
        if has_empty_directory {
            fs::create_dir(store.output_path()).unwrap();
        }
        assert_eq!(store.moved_aside().unwrap(), Some(replaced(&store)));
        assert!(!store.may_remove_replaced().unwrap());
        assert!(store.restore_moved_aside().unwrap());
        assert_eq!(content(store.output_path()), "earlier");
        assert_eq!(store.moved_aside().unwrap(), None);
        assert!(!store.restore_moved_aside().unwrap());
    }
}

#[test]
fn an_incomplete_snapshot_is_not_restored_and_kept_until_the_next_publication() {
    let (_directory, store) = store();
    write_snapshot(&replaced(&store), "half");
    fs::remove_file(replaced(&store).join(SUCCESS_MARKER)).unwrap();
    assert_eq!(store.moved_aside().unwrap(), None);
    assert!(!store.restore_moved_aside().unwrap());
    assert_eq!(Occupant::at(store.output_path()).unwrap(), Occupant::Nothing);
    assert!(!store.may_remove_replaced().unwrap());
    assert_eq!(content(&replaced(&store)), "half");
    write_snapshot(store.output_path(), "new");
    assert!(store.may_remove_replaced().unwrap());
}

#[test]
fn a_relative_link_to_a_snapshot_is_restored() {
    let (directory, store) = store();
    write_snapshot(&directory.path().join("elsewhere"), "earlier");
    std::os::unix::fs::symlink("elsewhere", replaced(&store)).unwrap();
    assert!(store.restore_moved_aside().unwrap());
    assert_eq!(content(store.output_path()), "earlier");
}

#[test]
fn the_only_snapshot_is_never_removed() {
    let (_directory, store) = store();
    write_snapshot(&replaced(&store), "earlier");
    fs::create_dir(store.output_path()).unwrap();
    fs::write(store.output_path().join("thesis.txt"), "years of work").unwrap();
    assert!(!store.restore_moved_aside().unwrap());
    assert!(!store.may_remove_replaced().unwrap());
    assert!(store.replace().unwrap_err().to_string().contains("the only snapshot"));
    assert_eq!(content(&replaced(&store)), "earlier");
    fs::write(store.output_path().join(SUCCESS_MARKER), "").unwrap();
    assert!(store.may_remove_replaced().unwrap());
}

#[test]
fn occupants_are_distinguished() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| Occupant::at(&directory.path().join(name)).unwrap();
    fs::write(directory.path().join("file"), "").unwrap();
    fs::create_dir_all(directory.path().join("odd").join(SUCCESS_MARKER)).unwrap();
    fs::create_dir(directory.path().join("empty")).unwrap();
    std::os::unix::fs::symlink("nowhere", directory.path().join("dangling")).unwrap();
    write_snapshot(&directory.path().join("snapshot"), "");
    std::os::unix::fs::symlink("snapshot", directory.path().join("link")).unwrap();
    for (name, expected) in [
        ("absent", Occupant::Nothing),
        ("file/below", Occupant::Nothing),
        ("file", Occupant::SomethingElse),
        ("odd", Occupant::SomethingElse),
        ("dangling", Occupant::SomethingElse),
        ("empty", Occupant::EmptyDirectory),
        ("snapshot", Occupant::Snapshot),
        ("link", Occupant::Snapshot),
    ] {
        assert_eq!(at(name), expected, "{name}");
    }
}

#[test]
fn an_error_is_not_taken_for_an_absent_snapshot() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("loop");
    std::os::unix::fs::symlink("loop", &path).unwrap();
    let error = Occupant::at(&path).unwrap_err().to_string();
    assert!(error.contains("could not look at") && error.contains("loop/_SUCCESS"), "{error}");
    let error = is_snapshot(&path).unwrap_err().to_string();
    assert!(error.contains("could not look at") && error.contains("loop/_SUCCESS"), "{error}");
}
