//! Where the work directory of a snapshot is.
//!
//! It is beside the table root, where no reader of the table looks: `exports/.nightly.partial/dt=2026-11-26/` for
//! `exports/nightly/dt=2026-11-26`. Where a directory cannot be moved from there to the output path, as with a volume that is
//! mounted at the table root, it is beside the snapshot: `exports/nightly/.dt=2026-11-26.partial/`. Version 0.1.0 always had
//! it there; a run that it left is resumed there. No run starts in one of these places while one is unfinished in the other.

use std::fs;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{Access, AtFlags, CWD, accessat};
use rustix::io::Errno;

use super::LocalStore;
use crate::snapshot::layout::{JOURNAL_FILE, work_directory_name};
use crate::snapshot::store::WorkDirectoryError;
use crate::util::disk_error::{DiskError, is_absent};
use crate::util::mounts::{is_mount_point, share_a_mount};
use crate::util::paths::{absolute, nearest_existing, parent_directory};

/// As many links as Linux follows.
const MAX_LINKS: usize = 40;

impl LocalStore {
    /// The store of an output path at or below a table root. If symbolic links lead to it, the snapshot is published at their
    /// target, and the work directory is there too.
    ///
    /// # Errors
    /// When no snapshot can be moved to the output path.
    pub fn new(output_path: &Path, table_root: &Path) -> Result<LocalStore, WorkDirectoryError> {
        let (output_path, table_root) = resolve_links(output_path, table_root)?;
        let Some(name) = output_path.file_name() else {
            return Err(WorkDirectoryError::NoName(output_path));
        };
        if is_mount_point(&output_path).unwrap_or(false) {
            return Err(WorkDirectoryError::MountPoint(absolute(&output_path)));
        }
        let root = output_path.with_file_name(work_directory_name(name));
        let beside_snapshot = LocalStore {
            base: root.clone(),
            table_root: table_root.clone(),
            root,
            is_leftover: false,
            output_path,
        };
        let Some(beside_root) = beside_snapshot.beside_root(&table_root) else {
            return Ok(beside_snapshot);
        };
        let is_usable = beside_root.is_usable();
        beside_snapshot.or_beside_root(beside_root, is_usable)
    }

    /// This store, which works beside the snapshot, or the one that works beside the table root.
    fn or_beside_root(
        self,
        beside_root: LocalStore,
        is_usable: bool,
    ) -> Result<LocalStore, WorkDirectoryError> {
        match (beside_root.has_journal(), self.has_journal()) {
            (true, true) => Err(WorkDirectoryError::TwoUnfinishedRuns {
                beside_root: beside_root.root,
                beside_snapshot: self.root,
            }),
            (true, false) if is_usable => Ok(beside_root),
            (true, false) => Err(beside_root.stranded()),
            (false, _) if is_there(&self.root) => Ok(LocalStore { is_leftover: true, ..self }),
            (false, _) => Ok(if is_usable { beside_root } else { self }),
        }
    }

    /// Whether a run was started here that has not ended, or its cleanup has not.
    pub fn has_journal(&self) -> bool {
        is_there(&self.root.join(JOURNAL_FILE))
    }

    /// The error for a run from whose work directory nothing can be moved to the output path.
    pub fn stranded(&self) -> WorkDirectoryError {
        WorkDirectoryError::Stranded {
            work_directory: self.root.clone(),
            output_path: self.output_path.clone(),
        }
    }

    /// Whether the work directory exists or can be created, and directories can be moved from it to the output path, as far
    /// as that can be known without trying it.
    fn is_usable(&self) -> bool {
        let above = nearest_existing(parent_directory(&self.base));
        let access = Access::WRITE_OK | Access::EXEC_OK;
        share_a_mount(above, nearest_existing(parent_directory(&self.output_path)))
            && (is_there(&self.root) || accessat(CWD, above, access, AtFlags::EACCESS).is_ok())
    }

    /// The same snapshot with its work directory beside the table root; `None` if that is where it is, or for `/`, which has
    /// nothing beside it.
    fn beside_root(&self, table_root: &Path) -> Option<LocalStore> {
        let base = table_root.with_file_name(work_directory_name(table_root.file_name()?));
        let partition = self.output_path.strip_prefix(table_root).ok()?;
        let root = base.components().chain(partition.components()).collect();
        (root != self.root).then(|| LocalStore { base, root, ..self.clone() })
    }

    /// The same snapshot with its work directory beside it.
    pub fn beside_snapshot(&self) -> LocalStore {
        // A store exists only for a path with a name.
        let name = self.output_path.file_name().unwrap_or_default();
        let root = self.output_path.with_file_name(work_directory_name(name));
        LocalStore { base: root.clone(), root, is_leftover: false, ..self.clone() }
    }

    /// The directories that only hold work directories and have this one below, the deepest first.
    pub fn parents(&self) -> impl Iterator<Item = &Path> {
        self.root.ancestors().skip(1).take_while(|parent| parent.starts_with(&self.base))
    }

    /// The store of an output path without partitions.
    #[cfg(test)]
    pub fn beside(output_path: &Path) -> LocalStore {
        LocalStore::new(output_path, output_path).unwrap()
    }
}

/// What cannot be looked at may be there.
fn is_there(path: &Path) -> bool {
    !fs::symlink_metadata(path).is_err_and(|error| is_absent(&error))
}

/// The output path and its table root without symbolic links in and below the root. Paths without links stay as they were
/// written.
fn resolve_links(
    output_path: &Path,
    table_root: &Path,
) -> Result<(PathBuf, PathBuf), WorkDirectoryError> {
    let partition = output_path.strip_prefix(table_root).unwrap_or(Path::new(""));
    // Without a slash at the end, which would lead through a link.
    let table_root: &Path = &table_root.components().collect::<PathBuf>();
    // A root such as `..` has nothing beside it until it is resolved.
    let has_name = matches!(table_root.components().next_back(), Some(Component::Normal(_)));
    let root = if has_name { follow(table_root)? } else { canonical(table_root)? };
    let mut path = root.clone();
    let mut is_linked = root != *table_root && has_name;
    for component in partition {
        let below = path.join(component);
        path = follow(&below)?;
        is_linked |= path != below;
    }
    // The target of a link may be a partition of another table.
    let root = if is_linked && (path == root || !path.starts_with(&root)) {
        table_root_of(&path)
    } else {
        root
    };
    Ok((path, root))
}

/// The part of a path before its first `key=value`; all of it without one.
fn table_root_of(path: &Path) -> PathBuf {
    let is_name = |component: &Component<'_>| {
        component.as_os_str().to_string_lossy().find('=').is_none_or(|position| position == 0)
    };
    path.components().take_while(is_name).collect()
}

/// The target of a symbolic link, which need not exist; the path itself if it is not one.
fn follow(path: &Path) -> Result<PathBuf, WorkDirectoryError> {
    let mut target = path.to_owned();
    for _ in 0..=MAX_LINKS {
        let error = match fs::read_link(&target) {
            Ok(next) => {
                target = target.parent().map_or_else(|| next.clone(), |parent| parent.join(&next));
                continue;
            }
            Err(error) => error,
        };
        return match Errno::from_io_error(&error) {
            Some(Errno::LOOP) => break,
            // Not a link.
            Some(Errno::INVAL | Errno::NOENT | Errno::NOTDIR) if target == path => Ok(target),
            Some(Errno::INVAL | Errno::NOENT | Errno::NOTDIR) => without_links(path, &target),
            _ => Err(WorkDirectoryError::Unreadable(DiskError::on("look at", &target)(error))),
        };
    }
    Err(WorkDirectoryError::LinkLoop(path.to_owned()))
}

/// The target of `link` without links in its directory.
fn without_links(link: &Path, target: &Path) -> Result<PathBuf, WorkDirectoryError> {
    let Some(name) = target.file_name() else { return canonical(target) };
    match parent_directory(target).canonicalize() {
        Ok(directory) => Ok(directory.join(name)),
        Err(error) if is_absent(&error) => Err(WorkDirectoryError::DanglingLink {
            link: link.to_owned(),
            target: normalized(target),
        }),
        Err(error) => Err(WorkDirectoryError::Unreadable(DiskError::on("look at", target)(error))),
    }
}

/// The path without `.` and `..`, as a person in the current directory would write it.
fn normalized(path: &Path) -> PathBuf {
    let mut normalized = PathBuf::new();
    for component in absolute(path).components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => drop(normalized.pop()),
            _ => normalized.push(component),
        }
    }
    let here = std::env::current_dir().unwrap_or_default();
    normalized.strip_prefix(here).map(Path::to_owned).unwrap_or(normalized)
}

fn canonical(path: &Path) -> Result<PathBuf, WorkDirectoryError> {
    let here = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    here.canonicalize()
        .map_err(|error| WorkDirectoryError::Unreadable(DiskError::on("look at", here)(error)))
}

#[cfg(test)]
mod tests;
