//! The output path with its `{date}` placeholder, from which the paths of other dates follow.

use std::path::{Path, PathBuf};

use jiff::civil::Date;

use super::values::DATE_PLACEHOLDER;
use crate::util::paths::is_url;

/// A path that contains the run's date.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatedPath {
    /// The parent of the first component with the placeholder.
    directory: PathBuf,
    /// That component, with the placeholder.
    name: String,
    /// What follows it, with its leading slash; may contain the placeholder too.
    rest: String,
    date: Date,
}

/// Length of a date such as 2026-11-22.
const DATE_BYTES: usize = 10;

impl DatedPath {
    /// The path of `text` below `directory`; `None` without a placeholder.
    pub(super) fn new(directory: &Path, text: &str, date: Date) -> Option<DatedPath> {
        let placeholder = text.find(DATE_PLACEHOLDER)?;
        let start = text[..placeholder].rfind('/').map_or(0, |slash| slash + 1);
        let end = text[start..].find('/').map_or(text.len(), |slash| start + slash);
        let directory = if is_url(Path::new(text)) {
            PathBuf::from(&text[..start])
        } else {
            directory.join(&text[..start])
        };
        let is_here = directory.as_os_str().is_empty();
        Some(DatedPath {
            directory: if is_here { PathBuf::from(".") } else { directory },
            name: text[start..end].to_owned(),
            rest: text[end..].to_owned(),
            date,
        })
    }

    /// The parent of the first component with the placeholder.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The number of components after the first one with the placeholder.
    pub fn depth_below_date(&self) -> usize {
        self.rest.split('/').filter(|name| !name.is_empty() && *name != ".").count()
    }

    /// The date for which the first dated component has this name, with its path; `None` if it is that of the run.
    pub fn other_date(&self, name: &str) -> Option<(Date, PathBuf)> {
        let date = self.parse_date(name).filter(|date| *date != self.date)?;
        Some((date, self.path(name, date)))
    }

    /// The paths of other dates among the names in [`DatedPath::directory`], nearest first: all earlier dates, then the
    /// later ones.
    pub fn others(&self, names: Vec<String>) -> Vec<PathBuf> {
        let mut earlier = Vec::new();
        let mut later = Vec::new();
        for name in names {
            match self.other_date(&name) {
                Some((date, path)) if date < self.date => earlier.push((date, path)),
                Some(later_date) => later.push(later_date),
                None => {}
            }
        }
        earlier.sort_unstable_by(|one, other| other.cmp(one));
        later.sort_unstable();
        earlier.into_iter().chain(later).map(|(_, path)| path).collect()
    }

    /// The date for which the first dated component has this name; `None` for a work directory.
    fn parse_date(&self, name: &str) -> Option<Date> {
        let is_work_directory = name.starts_with('.') && name.ends_with(".partial");
        let start = self.name.find(DATE_PLACEHOLDER)?;
        let text = name.get(start..start + DATE_BYTES)?;
        let date: Date = text.parse().ok()?;
        let is_exact =
            date.to_string() == text && self.name.replace(DATE_PLACEHOLDER, text) == name;
        (is_exact && !is_work_directory).then_some(date)
    }

    fn path(&self, name: &str, date: Date) -> PathBuf {
        let rest = self.rest.replace(DATE_PLACEHOLDER, &date.to_string());
        self.directory.join(format!("{name}{rest}"))
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    fn others(template: &str, directories: &[&str]) -> Vec<String> {
        let path = DatedPath::new(Path::new("/jobs"), template, date(2026, 11, 22)).unwrap();
        let below = |name: &str| {
            let below = Path::new("/jobs").join(name);
            let below = below.strip_prefix(path.directory()).unwrap().components().next();
            below.unwrap().as_os_str().to_str().unwrap().to_owned()
        };
        let found = path.others(directories.iter().map(|name| below(name)).collect());
        let shown =
            |path: PathBuf| path.strip_prefix("/jobs").unwrap().to_str().unwrap().to_owned();
        found.into_iter().map(shown).collect()
    }

    #[test]
    fn earlier_dates_come_first_and_the_nearest_of_them_at_the_top() {
        let days = ["20", "21", "22", "23", "24"].map(|day| format!("out/dt=2026-11-{day}"));
        let days: Vec<&str> = days.iter().map(String::as_str).collect();
        let expected = ["21", "20", "23", "24"].map(|day| format!("out/dt=2026-11-{day}"));
        assert_eq!(others("out/dt={date}", &days), expected);
    }

    #[test]
    fn only_names_that_match_the_template_count() {
        let names = [
            "out/dt=2026-11-21",
            "out/.dt=2026-11-20.partial",
            "out/dt=2026-11-20.bak",
            "out/old-dt=2026-11-20",
            "out/dt=20261120",
            "out/dt=2026-13-01",
            "out/dt=2026-1-01",
            "out/dt=",
            "out/\u{7528}\u{6237}",
        ];
        assert_eq!(others("out/dt={date}", &names), ["out/dt=2026-11-21"]);
        let hidden = [".2026-11-21.partial", ".2026-11-20"];
        assert_eq!(others(".{date}.partial", &hidden), [""; 0]);
        assert_eq!(others(".{date}", &hidden), [".2026-11-20"]);
    }

    #[test]
    fn the_placeholder_may_occur_anywhere_and_repeatedly() {
        assert_eq!(others("{date}/users", &["2026-11-21/users"]), ["2026-11-21/users"]);
        assert_eq!(
            others(
                "a/{date}_{date}/b/u-{date}",
                &["a/2026-11-21_2026-11-21", "a/2026-11-21_2026-11-20"]
            ),
            ["a/2026-11-21_2026-11-21/b/u-2026-11-21"]
        );
        assert_eq!(others("dt={date}/", &["dt=2026-11-21"]), ["dt=2026-11-21"]);
    }

    #[test]
    fn no_other_dates_without_a_placeholder() {
        let today = date(2026, 11, 22);
        assert_eq!(DatedPath::new(Path::new("/{date}"), "out", today), None);
        let path = DatedPath::new(Path::new(""), "{date}", today).unwrap();
        assert_eq!(path.directory, Path::new("."));
    }
}
