//! The environment variables that configure object stores.

use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;

/// A copy of environment variables; tests make their own.
#[derive(Clone, Default)]
pub struct StoreEnvironment {
    variables: HashMap<String, String>,
}

/// Names only, since values may be secrets.
impl fmt::Debug for StoreEnvironment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.variables.keys()).finish()
    }
}

impl StoreEnvironment {
    pub fn of_process() -> StoreEnvironment {
        let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        StoreEnvironment { variables: std::env::vars_os().filter_map(text).collect() }
    }

    #[cfg(test)]
    pub fn of(variables: &[(&str, &str)]) -> StoreEnvironment {
        let variable = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        StoreEnvironment { variables: variables.iter().map(variable).collect() }
    }

    /// The value of a variable that is set and not empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str).filter(|value| !value.trim().is_empty())
    }

    /// The first variable of an object store whose value no header or URL may have, such as one with a line break.
    pub fn first_unprintable(&self) -> Option<&str> {
        const PREFIXES: [&str; 4] = ["AWS_", "AZURE_", "GOOGLE_", "TENCENTCLOUD_"];
        let is_unprintable = |value: &str| value.trim().chars().any(char::is_control);
        let of_stores = self.variables.iter().filter(|(name, value)| {
            PREFIXES.iter().any(|prefix| name.starts_with(prefix)) && is_unprintable(value)
        });
        of_stores.map(|(name, _)| name.as_str()).min()
    }

    /// The first of several variables that is set.
    pub fn first(&self, names: &[&str]) -> Option<&str> {
        names.iter().find_map(|name| self.get(name))
    }

    pub fn is_true(&self, name: &str) -> bool {
        self.get(name).is_some_and(|value| value == "1" || value.eq_ignore_ascii_case("true"))
    }

    /// A path below the home directory.
    pub fn home(&self, path: &str) -> Option<PathBuf> {
        self.get("HOME").map(|home| PathBuf::from(home).join(path))
    }

    /// The variables whose name has a prefix, in the order of their names.
    pub fn with_prefix(&self, prefix: &str) -> Vec<(&str, &str)> {
        let mut found: Vec<_> = self
            .variables
            .keys()
            .filter(|name| name.starts_with(prefix))
            .filter_map(|name| Some((name.as_str(), self.get(name)?)))
            .collect();
        found.sort_unstable();
        found
    }
}
