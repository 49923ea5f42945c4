//! Which names below a directory or a prefix belong to a list.

use std::path::Path;

use glob::{MatchOptions, Pattern};

/// `*`, `?` and `[...]` match within one name; only `**` matches any number of directories.
const OPTIONS: MatchOptions = MatchOptions {
    case_sensitive: true,
    require_literal_separator: true,
    require_literal_leading_dot: false,
};

/// All names, or those that match a glob. Names that start with `_` or `.` are skipped, unless a part of the glob that
/// starts with the same character names them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NameFilter {
    glob: Option<Glob>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Glob {
    whole: Pattern,
    names: Vec<Pattern>,
    /// Number of names before the first `**`.
    fixed: usize,
}

impl Glob {
    fn new(text: &str) -> Result<Self, glob::PatternError> {
        let names: Vec<Pattern> = text.split('/').map(Pattern::new).collect::<Result<_, _>>()?;
        let fixed = names.iter().position(|name| name.as_str() == "**").unwrap_or(names.len());
        Ok(Self { whole: Pattern::new(text)?, names, fixed })
    }

    /// Whether files at or below the `depth`th name may match, as far as this name decides it.
    fn allows(&self, depth: usize, name: &str) -> bool {
        depth > self.fixed || self.names[depth - 1].matches_with(name, OPTIONS)
    }

    /// Whether a name that is usually skipped is meant.
    fn names_hidden(&self, name: &str) -> bool {
        self.names.iter().any(|pattern| {
            pattern.as_str().starts_with(['_', '.'])
                && pattern.as_str().chars().next() == name.chars().next()
                && pattern.matches_with(name, OPTIONS)
        })
    }

    /// Whether the path, or a directory above it, matches.
    fn matches(&self, path: &Path) -> bool {
        path.ancestors().any(|path| self.whole.matches_path_with(path, OPTIONS))
    }
}

/// All paths are below the directory or prefix.
impl NameFilter {
    /// # Errors
    /// Why the text is not a valid glob.
    pub fn of_glob(text: &str) -> Result<Self, &'static str> {
        Ok(Self { glob: Some(Glob::new(text).map_err(|error| error.msg)?) })
    }

    pub fn has_glob(&self) -> bool {
        self.glob.is_some()
    }

    /// Whether the path, or a directory above it, matches the glob.
    pub fn matches(&self, path: &Path) -> bool {
        self.glob.as_ref().is_none_or(|glob| glob.matches(path))
    }

    /// Whether the last name of the path is not skipped.
    pub fn is_relevant(&self, path: &Path) -> bool {
        let depth = path.components().count();
        let Some(name) = path.file_name().map(|name| name.to_string_lossy()) else { return true };
        let is_hidden = name.starts_with(['_', '.']);
        match &self.glob {
            None => !is_hidden,
            Some(glob) => glob.allows(depth, &name) && (!is_hidden || glob.names_hidden(&name)),
        }
    }

    /// Whether a file with this path belongs to the list.
    pub fn selects(&self, path: &Path) -> bool {
        path.ancestors().all(|path| self.is_relevant(path)) && self.matches(path)
    }
}
