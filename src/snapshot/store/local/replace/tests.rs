use super::*;
use crate::snapshot::layout::REPLACED_SNAPSHOT;

fn work() -> (tempfile::TempDir, LocalStore) {
    let directory = tempfile::tempdir().unwrap();
    let work = LocalStore::new(&directory.path().join("out")).unwrap();
    fs::create_dir(work.root()).unwrap();
    (directory, work)
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

fn replaced(work: &LocalStore) -> PathBuf {
    work.root().join(REPLACED_SNAPSHOT)
}

#[test]
fn a_snapshot_takes_the_place_of_an_earlier_one() {
    let (_directory, work) = work();
    write_snapshot(&work.staged_snapshot(), "first");
    work.exchange().unwrap();
    assert_eq!(content(work.output_path()), "first");
    write_snapshot(&work.staged_snapshot(), "second");
    work.exchange().unwrap();
    assert_eq!(content(work.output_path()), "second");
    assert_eq!(content(&work.staged_snapshot()), "first");
}

#[test]
fn without_an_exchange_the_earlier_one_is_moved_aside() {
    let (_directory, work) = work();
    write_snapshot(work.output_path(), "first");
    for content_now in ["second", "third"] {
        write_snapshot(&work.staged_snapshot(), content_now);
        work.replace().unwrap();
        assert_eq!(content(work.output_path()), content_now);
        assert!(!work.staged_snapshot().exists());
    }
    assert_eq!(content(&replaced(&work)), "second");
}

#[test]
fn an_earlier_snapshot_is_put_back_when_the_new_one_cannot_be_published() {
    let (_directory, work) = work();
    write_snapshot(work.output_path(), "first");
    // There is no staged snapshot, so the second rename fails.
    let error = work.replace().unwrap_err();
    assert!(error.to_string().contains("could not publish"), "{error}");
    assert_eq!(content(work.output_path()), "first");
    assert_eq!(Occupant::at(&replaced(&work)).unwrap(), Occupant::Nothing);
}

#[test]
fn what_a_stopped_run_moved_aside_is_put_back_where_nothing_or_an_empty_directory_is() {
    for has_empty_directory in [false, true] {
        let (_directory, work) = work();
        write_snapshot(&replaced(&work), "earlier");
        if has_empty_directory {
            fs::create_dir(work.output_path()).unwrap();
        }
        assert_eq!(work.moved_aside().unwrap(), Some(replaced(&work)));
        assert!(!work.may_remove_replaced().unwrap());
        assert!(work.restore_moved_aside().unwrap());
        assert_eq!(content(work.output_path()), "earlier");
        assert_eq!(work.moved_aside().unwrap(), None);
        assert!(!work.restore_moved_aside().unwrap());
    }
}

#[test]
fn what_is_not_a_whole_snapshot_is_not_put_back_and_stays_until_there_is_one() {
    let (_directory, work) = work();
    write_snapshot(&replaced(&work), "half");
    fs::remove_file(replaced(&work).join(SUCCESS_MARKER)).unwrap();
    assert_eq!(work.moved_aside().unwrap(), None);
    assert!(!work.restore_moved_aside().unwrap());
    assert_eq!(Occupant::at(work.output_path()).unwrap(), Occupant::Nothing);
    assert!(!work.may_remove_replaced().unwrap());
    assert_eq!(content(&replaced(&work)), "half");
    write_snapshot(work.output_path(), "new");
    assert!(work.may_remove_replaced().unwrap());
}

#[test]
fn a_relative_link_to_a_snapshot_is_put_back() {
    let (directory, work) = work();
    write_snapshot(&directory.path().join("elsewhere"), "earlier");
    std::os::unix::fs::symlink("elsewhere", replaced(&work)).unwrap();
    assert!(work.restore_moved_aside().unwrap());
    assert_eq!(content(work.output_path()), "earlier");
}

#[test]
fn the_only_snapshot_is_not_removed_for_something_else_at_the_output_path() {
    let (_directory, work) = work();
    write_snapshot(&replaced(&work), "earlier");
    fs::create_dir(work.output_path()).unwrap();
    fs::write(work.output_path().join("thesis.txt"), "years of work").unwrap();
    assert!(!work.restore_moved_aside().unwrap());
    assert!(!work.may_remove_replaced().unwrap());
    assert!(work.replace().unwrap_err().to_string().contains("the only snapshot"));
    assert_eq!(content(&replaced(&work)), "earlier");
    fs::write(work.output_path().join(SUCCESS_MARKER), "").unwrap();
    assert!(work.may_remove_replaced().unwrap());
}

#[test]
fn what_is_at_a_path_is_told_apart() {
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
fn an_error_is_not_an_answer() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("loop");
    std::os::unix::fs::symlink("loop", &path).unwrap();
    let error = Occupant::at(&path).unwrap_err().to_string();
    assert!(error.contains("could not look at") && error.contains("loop/_SUCCESS"), "{error}");
    let error = is_snapshot(&path).unwrap_err().to_string();
    assert!(error.contains("could not look at") && error.contains("loop/_SUCCESS"), "{error}");
}
