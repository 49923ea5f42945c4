//! Which files make up a list whose path is a directory or a glob.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use walkdir::{DirEntry, WalkDir};

use super::error::ListError;
use super::name_filter::NameFilter;
use crate::util::paths::absolute;
use crate::util::visible::visible_path;

/// The files below a directory, or those of them that match a glob.
///
/// Names that start with `_` or `.` are skipped (`_SUCCESS`, `.part-0.crc`, `_temporary`), as Spark and Hive do, unless
/// a part of the glob that starts with the same character names them. A directory that matches the glob stands for the
/// files below it. Symbolic links are followed; a link to a directory that contains it is skipped, and a directory with several names that match is read once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileSelection {
    path: PathBuf,
    /// The longest part of the path that exists.
    root: PathBuf,
    filter: NameFilter,
}

impl FileSelection {
    /// `None` if the path is one file: a file that exists is never taken for a glob.
    ///
    /// # Errors
    /// If the path is not a valid glob.
    pub fn new(path: &Path) -> Result<Option<Self>, ListError> {
        if let Ok(metadata) = fs::metadata(path) {
            let (path, root) = (path.to_owned(), path.to_owned());
            let directory = Self { path, root, filter: NameFilter::default() };
            return Ok(metadata.is_dir().then_some(directory));
        }
        let root = path.ancestors().skip(1).find(|ancestor| fs::metadata(ancestor).is_ok());
        let root = root.unwrap_or(Path::new(""));
        let rest = path.strip_prefix(root).unwrap_or(path).to_string_lossy();
        if !rest.contains(['*', '?', '[']) {
            return Ok(None);
        }
        let filter = NameFilter::of_glob(&rest)
            .map_err(|reason| ListError::Glob { list: visible_path(path), reason })?;
        let root = if root.as_os_str().is_empty() { Path::new(".") } else { root };
        Ok(Some(Self { path: path.to_owned(), root: root.to_owned(), filter }))
    }

    /// The path as the job gives it.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The files in the byte order of their paths.
    ///
    /// # Errors
    /// If a directory cannot be read, or there is not one file.
    pub fn files(&self) -> Result<Vec<PathBuf>, ListError> {
        let mut files = Vec::new();
        let mut visited = HashSet::new();
        // Sorted, so that a directory with several names always has the same one.
        let walk = WalkDir::new(&self.root).min_depth(1).follow_links(true).sort_by_file_name();
        let walk = walk.into_iter().filter_entry(|entry| {
            self.is_relevant(entry.path()) && !self.is_repeated(entry, &mut visited)
        });
        for entry in walk {
            match entry {
                Ok(entry) if entry.file_type().is_dir() => {}
                Ok(entry) if self.matches(entry.path()) => files.push(entry.into_path()),
                Ok(_) => {}
                Err(error) if error.loop_ancestor().is_some() => {}
                Err(error) if error.path().is_some_and(|path| self.is_unselected_link(path)) => {}
                Err(error) => return Err(self.walk_error(error)),
            }
        }
        if files.is_empty() {
            let list = visible_path(&self.path);
            return Err(match self.filter.has_glob() {
                false => ListError::EmptyDirectory { list },
                true => ListError::NoMatch { list },
            });
        }
        files.sort_unstable_by(|a, b| a.as_os_str().as_bytes().cmp(b.as_os_str().as_bytes()));
        Ok(files)
    }

    /// Whether a file with this path, which may not exist, is or would be one of them.
    pub fn includes(&self, path: &Path) -> bool {
        absolute(path)
            .strip_prefix(absolute(&self.root))
            .is_ok_and(|below| self.filter.selects(below))
    }

    fn matches(&self, path: &Path) -> bool {
        self.filter.matches(path.strip_prefix(&self.root).unwrap_or(path))
    }

    /// Whether `entry` is a directory whose files the list already has under another name. Links between directories
    /// would multiply them.
    fn is_repeated(&self, entry: &DirEntry, visited: &mut HashSet<(u64, u64)>) -> bool {
        entry.file_type().is_dir()
            && self.matches(entry.path())
            && entry.metadata().is_ok_and(|found| !visited.insert((found.dev(), found.ino())))
    }

    fn walk_error(&self, error: walkdir::Error) -> ListError {
        let path = error.path().unwrap_or(&self.path).to_owned();
        match error.into_io_error().unwrap_or_else(|| io::ErrorKind::Other.into()) {
            source if source.kind() == io::ErrorKind::NotFound => ListError::missing(&path),
            source => ListError::Open { list: visible_path(&path), source },
        }
    }

    /// A broken link is reported before the filter sees its name.
    fn is_unselected_link(&self, path: &Path) -> bool {
        fs::metadata(path).is_err() && !(self.is_relevant(path) && self.matches(path))
    }

    /// Whether the last name of a path below the root is not skipped.
    fn is_relevant(&self, path: &Path) -> bool {
        self.filter.is_relevant(path.strip_prefix(&self.root).unwrap_or(path))
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    /// The files that `path` selects in a directory with `files`, relative to it.
    fn selected(files: &[&str], path: &str) -> Vec<String> {
        let directory = tempfile::tempdir().unwrap();
        for file in files {
            let file = directory.path().join(file);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, "").unwrap();
        }
        let selected = selected_in(directory.path(), path).unwrap();
        let selection = FileSelection::new(&directory.path().join(path)).unwrap().unwrap();
        for file in files {
            let is_selected = selected.iter().any(|name| name == file);
            assert_eq!(selection.includes(&directory.path().join(file)), is_selected, "{file}");
        }
        selected
    }

    fn selected_in(directory: &Path, path: &str) -> Result<Vec<String>, ListError> {
        let selection = FileSelection::new(&directory.join(path))?.expect("not one file");
        let names = selection.files()?;
        let relative = names.iter().map(|name| name.strip_prefix(directory).unwrap());
        Ok(relative.map(|name| name.to_str().unwrap().to_owned()).collect())
    }

    const SPARK: [&str; 7] = [
        "ids/_SUCCESS",
        "ids/.part-0.csv.crc",
        "ids/dt=2/part-0.csv",
        "ids/dt=1/part-1.csv",
        "ids/dt=1/_temporary/part-9.csv",
        "ids/dt=1/part-10.csv",
        "ids/part-0.csv",
    ];

    #[test]
    fn a_directory_stands_for_its_data_files_in_key_order() {
        let expected = [
            "ids/dt=1/part-1.csv",
            "ids/dt=1/part-10.csv",
            "ids/dt=2/part-0.csv",
            "ids/part-0.csv",
        ];
        let mut sorted = expected;
        sorted.sort_unstable();
        assert_eq!(selected(&SPARK, "ids"), sorted);
        assert_eq!(selected(&SPARK, "ids/"), sorted);
        // `.` and `-` sort before `/`.
        let tricky = ["d/a/x.csv", "d/a.csv", "d/a-b.csv", "d/B.csv"];
        assert_eq!(selected(&tricky, "d"), ["d/B.csv", "d/a-b.csv", "d/a.csv", "d/a/x.csv"]);
    }

    #[test]
    fn wildcards_match_names_and_directories() {
        for (path, expected) in [
            ("ids/part-*.csv", vec!["ids/part-0.csv"]),
            (
                "ids/*",
                vec![
                    "ids/dt=1/part-1.csv",
                    "ids/dt=1/part-10.csv",
                    "ids/dt=2/part-0.csv",
                    "ids/part-0.csv",
                ],
            ),
            (
                "ids/dt=*",
                vec!["ids/dt=1/part-1.csv", "ids/dt=1/part-10.csv", "ids/dt=2/part-0.csv"],
            ),
            ("ids/dt=*/part-?.csv", vec!["ids/dt=1/part-1.csv", "ids/dt=2/part-0.csv"]),
            ("ids/dt=[1]/part-*", vec!["ids/dt=1/part-1.csv", "ids/dt=1/part-10.csv"]),
            ("ids/dt=[!1]/*.csv", vec!["ids/dt=2/part-0.csv"]),
            ("*/part-0.csv", vec!["ids/part-0.csv"]),
            ("**/part-0.csv", vec!["ids/dt=2/part-0.csv", "ids/part-0.csv"]),
            ("ids/**/part-1*.csv", vec!["ids/dt=1/part-1.csv", "ids/dt=1/part-10.csv"]),
            (
                "ids/**",
                vec![
                    "ids/dt=1/part-1.csv",
                    "ids/dt=1/part-10.csv",
                    "ids/dt=2/part-0.csv",
                    "ids/part-0.csv",
                ],
            ),
            ("ids/_*", vec!["ids/_SUCCESS"]),
            ("ids/dt=*/_temporary/*", vec!["ids/dt=1/_temporary/part-9.csv"]),
        ] {
            assert_eq!(selected(&SPARK, path), expected, "{path}");
        }
    }

    #[test]
    fn names_that_exist_are_never_taken_for_a_glob() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path();
        fs::create_dir(root.join("d[1]")).unwrap();
        for name in ["a*.csv", "ab.csv", "d[1]/x.csv", "d[1]/y.txt"] {
            fs::write(root.join(name), "").unwrap();
        }
        assert_eq!(FileSelection::new(&root.join("a*.csv")).unwrap(), None);
        assert_eq!(selected_in(root, "d[1]").unwrap(), ["d[1]/x.csv", "d[1]/y.txt"]);
        assert_eq!(selected_in(root, "d[1]/*.csv").unwrap(), ["d[1]/x.csv"]);
        assert_eq!(FileSelection::new(&root.join("gone.csv")).unwrap(), None);
    }

    #[test]
    fn links_are_followed_and_loops_end() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().join("d");
        fs::create_dir_all(root.join("dt=1")).unwrap();
        fs::create_dir(directory.path().join("elsewhere")).unwrap();
        fs::write(directory.path().join("elsewhere/b.csv"), "").unwrap();
        fs::write(root.join("dt=1/a.csv"), "").unwrap();
        symlink("../elsewhere", root.join("dt=2")).unwrap();
        symlink("../../elsewhere/b.csv", root.join("dt=1/link.csv")).unwrap();
        symlink("..", root.join("dt=1/up")).unwrap();
        symlink("gone", root.join(".#lock")).unwrap();
        symlink("gone", root.join("broken.txt")).unwrap();
        assert_eq!(
            selected_in(&root, "**/*.csv").unwrap(),
            ["dt=1/a.csv", "dt=1/link.csv", "dt=2/b.csv"]
        );
        let error = selected_in(&root, "").unwrap_err().to_string();
        assert!(
            error.contains("d/broken.txt is a symbolic link to gone, which does not"),
            "{error}"
        );
    }

    #[test]
    fn directories_with_several_names_are_read_once() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path();
        let names: Vec<String> = (0..12).map(|n| format!("d/{n:02}")).collect();
        for name in &names {
            fs::create_dir_all(root.join(name)).unwrap();
            for other in names.iter().filter(|other| *other != name) {
                let link = root.join(name).join(format!("to-{}", &other[2..]));
                symlink(root.join(other), link).unwrap();
            }
        }
        fs::write(root.join("d/11/a.csv"), "").unwrap();
        assert_eq!(selected_in(root, "d").unwrap().len(), 1);
        assert_eq!(selected_in(root, "*").unwrap().len(), 1);
        // Only one of its names may match.
        fs::create_dir_all(root.join("e/a")).unwrap();
        fs::write(root.join("e/a/b.csv"), "").unwrap();
        symlink("a", root.join("e/x")).unwrap();
        assert_eq!(selected_in(root, "e/**/x/*.csv").unwrap(), ["e/x/b.csv"]);
        assert_eq!(selected_in(root, "e/[ax]").unwrap(), ["e/a/b.csv"]);
    }

    #[test]
    fn nothing_selected_is_an_error() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().display().to_string();
        fs::create_dir(directory.path().join("ids")).unwrap();
        fs::write(directory.path().join("ids/_SUCCESS"), "").unwrap();
        let refused = |path: &str| {
            let error = selected_in(directory.path(), path).unwrap_err();
            error.to_string().replace(&root, "")
        };
        insta::assert_snapshot!(["ids", "ids/*.csv", "ids/a**", "ids/[a"].map(refused).join("\n"), @r"
    account list /ids is a directory without a data file (names that start with _ or . are skipped); correct `accounts.path`
    no file matches account list /ids/*.csv (names that start with _ or . are skipped); correct `accounts.path`
    account list /ids/a** is not a valid glob: recursive wildcards must form a single path component; correct `accounts.path`
    account list /ids/[a is not a valid glob: invalid range pattern; correct `accounts.path`
    ");
    }
}
