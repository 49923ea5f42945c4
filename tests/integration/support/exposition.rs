//! A strict reader of the classic text format of Prometheus.

use std::collections::{BTreeMap, BTreeSet};

/// Labels of a sample, by name.
pub type Labels = BTreeMap<String, String>;

/// A parsed metrics text.
#[derive(Debug, Clone, PartialEq)]
pub struct Exposition {
    /// Type by metric.
    pub types: BTreeMap<String, String>,
    /// Values by name and labels.
    pub samples: BTreeMap<(String, Labels), f64>,
}

impl Exposition {
    /// Parses a text; fails the test if a line violates the format.
    #[track_caller]
    pub fn parse(text: &str) -> Exposition {
        assert!(text.ends_with('\n'), "the last line has no end: {text}");
        let mut all = Exposition { types: BTreeMap::new(), samples: BTreeMap::new() };
        let (mut helped, mut metric) = (BTreeSet::new(), String::new());
        for line in text.lines() {
            if let Some(help) = line.strip_prefix("# HELP ") {
                let (name, help) = help.split_once(' ').expect(line);
                assert!(!help.trim().is_empty() && helped.insert(name.to_owned()), "{line}");
                metric = name.to_owned();
            } else if let Some(kind) = line.strip_prefix("# TYPE ") {
                let (name, kind) = kind.split_once(' ').expect(line);
                assert_eq!(name, metric, "TYPE follows HELP: {line}");
                assert!(["counter", "gauge", "histogram"].contains(&kind), "{line}");
                assert_eq!(all.types.insert(name.to_owned(), kind.to_owned()), None, "{line}");
            } else {
                let (name, labels, value) = sample(line);
                let kind = all.types.get(&metric).unwrap_or_else(|| panic!("no TYPE: {line}"));
                let suffix = name.strip_prefix(&metric).unwrap_or_else(|| panic!("{line}"));
                let is_of_histogram = ["_bucket", "_sum", "_count"].contains(&suffix);
                assert!(
                    if kind == "histogram" { is_of_histogram } else { suffix.is_empty() },
                    "{line}"
                );
                assert_eq!(all.samples.insert((name, labels), value), None, "twice: {line}");
            }
        }
        for (name, kind) in &all.types {
            assert!(name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{name}");
            assert_eq!(name.ends_with("_total"), kind == "counter", "{name}");
            if kind == "histogram" {
                all.ensure_is_cumulative(name);
            }
        }
        all
    }

    #[track_caller]
    fn ensure_is_cumulative(&self, name: &str) {
        let bucket = format!("{name}_bucket");
        let of_it = self.samples.iter().filter(|((name, _), _)| *name == bucket);
        let mut buckets: Vec<(f64, f64)> =
            of_it.map(|((_, labels), count)| (labels["le"].parse().unwrap(), *count)).collect();
        buckets.sort_by(|one, two| one.0.total_cmp(&two.0));
        assert!(buckets.windows(2).all(|pair| pair[0].1 <= pair[1].1), "{buckets:?}");
        let (bound, count) = *buckets.last().unwrap();
        assert_eq!((bound, count), (f64::INFINITY, self.value(&format!("{name}_count"), &[])));
    }

    /// The value of the only sample with this name and these labels; the label `job` is optional.
    #[track_caller]
    pub fn value(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        self.find(name, labels).unwrap_or_else(|| panic!("{name} {labels:?} is not in {self:#?}"))
    }

    /// [`Exposition::value`], if the sample exists.
    pub fn find(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let has = |of: &Labels| {
            of.len() == labels.len() + 1
                && of.contains_key("job")
                && labels.iter().all(|(name, value)| of.get(*name).is_some_and(|it| it == value))
        };
        let found = self.samples.iter().find(|((of, labels), _)| of == name && has(labels));
        found.map(|(_, value)| *value)
    }
}

/// `name{label="value",...} value`
fn sample(line: &str) -> (String, Labels, f64) {
    let (name, rest) = line.split_once('{').expect(line);
    let mut labels = Labels::new();
    let mut rest = rest;
    loop {
        let (label, after) = rest.split_once("=\"").expect(line);
        let mut value = String::new();
        let mut characters = after.char_indices();
        let end = loop {
            match characters.next().expect(line) {
                (index, '"') => break index,
                (_, '\\') => value.push(match characters.next().expect(line).1 {
                    'n' => '\n',
                    escaped @ ('\\' | '"') => escaped,
                    other => panic!("\\{other} in {line}"),
                }),
                (_, plain) => value.push(plain),
            }
        };
        assert_eq!(labels.insert(label.to_owned(), value), None, "{line}");
        rest = &after[end + 1..];
        match rest.strip_prefix(',') {
            Some(more) => rest = more,
            None => break,
        }
    }
    let value = rest.strip_prefix("} ").expect(line);
    assert!(!value.contains(' '), "a time stamp, which node_exporter refuses: {line}");
    (name.to_owned(), labels, value.parse().expect(line))
}
