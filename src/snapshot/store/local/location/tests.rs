use std::os::unix::fs::symlink;

use super::*;
use crate::util::exit_code::{ExitCode, HasExitCode};

/// A temporary directory without links in its own path.
fn directory() -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().canonicalize().unwrap();
    (directory, path)
}

fn work_directory(output_path: &Path, table_root: &Path) -> PathBuf {
    LocalStore::new(output_path, table_root).unwrap().root
}

#[test]
fn the_work_directory_is_beside_the_table_root() {
    let (_directory, here) = directory();
    for (output, root, work) in [
        ("out", "out", ".out.partial"),
        ("exports/nightly", "exports/nightly", "exports/.nightly.partial"),
        ("a/nightly/dt=1", "a/nightly", "a/.nightly.partial/dt=1"),
        ("a/nightly/app=im/dt=1/users", "a/nightly", "a/.nightly.partial/app=im/dt=1/users"),
        ("a/users-1", "a", ".a.partial/users-1"),
    ] {
        let [output, root, work] = [output, root, work].map(|path| here.join(path));
        let found = work_directory(&output, &root);
        assert_eq!(found, work, "{output:?}");
        // As a path, not as components that are equal.
        assert_eq!(found.as_os_str(), work.as_os_str());
    }
    assert_eq!(
        work_directory(&here.join("nightly/dt=1"), &here.join("./nightly/")),
        here.join(".nightly.partial/dt=1")
    );
}

#[test]
fn a_root_without_a_name_is_resolved() {
    let (_directory, here) = directory();
    fs::create_dir_all(here.join("a/b")).unwrap();
    assert_eq!(
        work_directory(&here.join("a/b/../dt=1"), &here.join("a/b/..")),
        here.join(".a.partial/dt=1")
    );
    let current = Path::new(".").canonicalize().unwrap();
    let name = work_directory_name(current.file_name().unwrap());
    assert_eq!(
        work_directory(Path::new("dt=1"), Path::new("")),
        current.with_file_name(name).join("dt=1")
    );
    // Nothing is beside the root of the file system.
    assert_eq!(work_directory(Path::new("/dt=1"), Path::new("/")), Path::new("/.dt=1.partial"));
}

#[test]
fn a_run_is_resumed_where_it_was_left() {
    let (_directory, here) = directory();
    let (output, root) = (here.join("nightly/dt=1"), here.join("nightly"));
    let left = here.join("nightly/.dt=1.partial");
    fs::create_dir_all(&left).unwrap();
    let store = LocalStore::new(&output, &root).unwrap();
    assert_eq!((&store.root, store.is_leftover, store.parents().count()), (&left, true, 0));
    fs::remove_dir(left).unwrap();
    let store = LocalStore::new(&output, &root).unwrap();
    let base = here.join(".nightly.partial");
    assert_eq!((store.root.clone(), store.is_leftover), (base.join("dt=1"), false));
    assert_eq!(store.parents().collect::<Vec<_>>(), [&base]);
}

#[test]
fn an_unfinished_run_is_seen_in_both_places() {
    let (_directory, here) = directory();
    let outside = LocalStore::new(&here.join("t/dt=1"), &here.join("t")).unwrap();
    let inside = outside.beside_snapshot();
    let choose = |is_usable| {
        let store = inside.clone().or_beside_root(outside.clone(), is_usable);
        store.map(|store| store.root).map_err(|error| {
            assert_eq!(error.exit_code(), ExitCode::BadUsage);
            error.to_string().replace(here.to_str().unwrap(), "")
        })
    };
    assert_eq!(
        [true, false].map(|it| choose(it).unwrap()),
        [&outside.root, &inside.root].map(PathBuf::clone)
    );
    fs::create_dir_all(&outside.root).unwrap();
    fs::write(outside.root.join(JOURNAL_FILE), "").unwrap();
    assert_eq!(choose(true).unwrap(), outside.root);
    insta::assert_snapshot!(choose(false).unwrap_err(), @"the unfinished run in /.t.partial/dt=1 cannot be published, since nothing can be moved from there to /t/dt=1 any more; restore the mounts as they were when it started, or move that directory away to start over");
    // Left by a run that was stopped before its journal.
    fs::create_dir_all(&inside.root).unwrap();
    assert_eq!(choose(true).unwrap(), outside.root);
    assert!(choose(false).is_err());
    fs::write(inside.root.join(JOURNAL_FILE), "").unwrap();
    for is_usable in [true, false] {
        insta::allow_duplicates! {
            insta::assert_snapshot!(choose(is_usable).unwrap_err(), @"there is an unfinished run in /.t.partial/dt=1 and another in /t/.dt=1.partial; move the one away that is not to be resumed");
        }
    }
    fs::remove_dir_all(&outside.root).unwrap();
    assert_eq!([true, false].map(|it| choose(it).unwrap()), [(); 2].map(|()| inside.root.clone()));
}

#[test]
fn a_snapshot_is_published_at_the_target_of_a_link() {
    let (_directory, here) = directory();
    for path in ["elsewhere/v1", "nightly", "store/table/dt=0"] {
        fs::create_dir_all(here.join(path)).unwrap();
    }
    for (link, target) in [
        ("latest", "elsewhere/v1"),
        ("latest-of-latest", "latest"),
        ("dangling", "elsewhere/v2"),
        ("nightly/dt=1", "../elsewhere/v1"),
        ("nightly/dt=3", "../store/table/dt=0"),
        ("table", "store/table"),
    ] {
        symlink(target, here.join(link)).unwrap();
    }
    for (output, root, target, work) in [
        ("latest", "latest", "elsewhere/v1", "elsewhere/.v1.partial"),
        ("latest-of-latest", "latest-of-latest", "elsewhere/v1", "elsewhere/.v1.partial"),
        ("dangling", "dangling", "elsewhere/v2", "elsewhere/.v2.partial"),
        ("nightly/dt=1", "nightly", "elsewhere/v1", "elsewhere/.v1.partial"),
        ("nightly/dt=2", "nightly", "nightly/dt=2", ".nightly.partial/dt=2"),
        ("nightly/dt=3", "nightly", "store/table/dt=0", "store/.table.partial/dt=0"),
        ("table/dt=5", "table", "store/table/dt=5", "store/.table.partial/dt=5"),
    ] {
        let store = LocalStore::new(&here.join(output), &here.join(root)).unwrap();
        let expected = (here.join(target), here.join(work));
        assert_eq!((store.output_path, store.root), expected, "{output}");
    }
}

#[test]
fn a_link_that_leads_nowhere_is_refused() {
    let (_directory, here) = directory();
    symlink("loop", here.join("loop")).unwrap();
    symlink("volume/exports", here.join("unmounted")).unwrap();
    let error = |output: &str, root: &str| {
        LocalStore::new(&here.join(output), &here.join(root))
            .unwrap_err()
            .to_string()
            .replace(here.to_str().unwrap(), "")
    };
    let expected = "/loop is a symbolic link that points back to itself; correct it, or choose another output.path";
    assert_eq!(error("loop", "loop"), expected);
    assert_eq!(error("loop/dt=1", "loop"), expected);
    let expected = "/unmounted is a symbolic link to /volume/exports, and the directory /volume does not exist; create it, or correct the link";
    assert_eq!(error("unmounted", "unmounted"), expected);
    fs::create_dir_all(here.join("a/b")).unwrap();
    symlink("./../../volume/exports", here.join("a/b/detour")).unwrap();
    assert_eq!(error("a/b/detour", "a/b/detour"), expected.replace("unmounted", "a/b/detour"));
}

#[test]
fn a_mount_point_is_refused() {
    if !Path::new("/proc/self").exists() {
        return;
    }
    let proc = Path::new("/proc");
    let error = LocalStore::new(proc, proc).unwrap_err().to_string();
    assert_eq!(
        error,
        "output.path /proc is a mount point, which a snapshot cannot replace; publish to a directory inside it, such as /proc/exports"
    );
    // A volume mounted at the table root: nothing can be moved there from outside.
    assert_eq!(work_directory(Path::new("/proc/dt=1"), proc), Path::new("/proc/.dt=1.partial"));
}
