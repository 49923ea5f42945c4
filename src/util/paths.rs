//! Paths: their directory, and how messages and reports show them.

use std::path::{Path, PathBuf};

use super::visible::visible_path;

/// Whether a path is the URL of an object store, such as `s3://lake/profiles`.
pub fn is_url(path: &Path) -> bool {
    path.to_str().and_then(|text| text.split_once("://")).is_some_and(|(scheme, _)| {
        !scheme.is_empty() && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric())
    })
}

/// The absolute path without links, as far as the path exists. A URL stays as it is.
pub fn absolute(path: &Path) -> PathBuf {
    if is_url(path) {
        return path.to_owned();
    }
    let resolved = path.ancestors().find_map(|ancestor| {
        let existing = if ancestor.as_os_str().is_empty() { Path::new(".") } else { ancestor };
        let mut absolute = existing.canonicalize().ok()?;
        absolute.extend(path.strip_prefix(ancestor).ok()?);
        Some(absolute)
    });
    resolved.unwrap_or_else(|| path.to_owned())
}

/// The path as a person in the current directory would write it.
pub fn relative_to_here(path: &Path) -> String {
    if is_url(path) {
        return visible_path(path);
    }
    let here = std::env::current_dir().unwrap_or_default();
    let path = absolute(path);
    visible_path(path.strip_prefix(here).unwrap_or(&path))
}

/// The directory of a path. For a bare name that is `.`, and not the empty path that [`Path::parent`] returns.
pub fn parent_directory(path: &Path) -> &Path {
    match path.parent() {
        Some(directory) if !directory.as_os_str().is_empty() => directory,
        _ => Path::new("."),
    }
}

/// The path, or the nearest one above it that exists.
pub fn nearest_existing(path: &Path) -> &Path {
    let exists = |path: &&Path| !path.as_os_str().is_empty() && path.symlink_metadata().is_ok();
    path.ancestors().find(exists).unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn path_is_absolute_whether_or_not_it_exists() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().canonicalize().unwrap();
        std::fs::create_dir(root.join("jobs")).unwrap();
        let detour = absolute(&root.join("jobs/../jobs")).display().to_string();
        assert_eq!(detour, root.join("jobs").display().to_string());
        assert_eq!(absolute(&root.join("jobs/../exports/dt=1")), root.join("exports/dt=1"));
        let here = Path::new(".").canonicalize().unwrap();
        assert_eq!(absolute(Path::new("surely-not/here")), here.join("surely-not/here"));
    }
}
