//! An account list in an object store, as a job specifies it.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::name_filter::NameFilter;
use crate::bucket::{BucketSettings, BucketUrl, Patience, Scheme};

/// The objects of a list, and how they are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectList {
    pub objects: ObjectSelection,
    /// How the bucket is reached.
    pub bucket: BucketSettings,
    /// How long its requests are retried.
    pub patience: Patience,
    /// The directory for a copy of the objects.
    pub scratch: PathBuf,
}

impl ObjectList {
    /// The same list for a command that a person waits for.
    pub fn limit_patience(&mut self, limit: Duration) {
        self.patience.outage_patience = self.patience.outage_patience.min(limit);
    }
}

/// One object, or those below a prefix. Which names below it are skipped is the same as for a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectSelection {
    /// As the job has it.
    text: String,
    /// The object or the prefix.
    root: BucketUrl,
    /// `None` for one object.
    filter: Option<NameFilter>,
}

impl ObjectSelection {
    /// `None` for a path of this machine. A text with `*` is a glob below the components before it.
    ///
    /// # Errors
    /// What is wrong with the URL and how to fix it, without a part that may be a secret.
    pub fn parse(text: &str) -> Result<Option<Self>, String> {
        let has_query = text.contains(['?', '#']);
        let (root, glob) = split_glob(text).filter(|_| !has_query).unwrap_or((text, ""));
        let Some(root) = BucketUrl::parse(root).map_err(|error| error.to_string())? else {
            return Ok(None);
        };
        let (text, root) = match glob {
            "" => (root.to_string(), root),
            glob => {
                let prefix = root.to_string();
                (format!("{}/{glob}", prefix.trim_end_matches('/')), root)
            }
        };
        let filter = match glob.trim_end_matches('/') {
            "" => root.is_prefix().then(NameFilter::default),
            glob => Some(
                NameFilter::of_glob(glob)
                    .map_err(|reason| format!("is not a valid glob: {reason}; correct it"))?,
            ),
        };
        Ok(Some(Self { text, root, filter }))
    }

    /// The object or the prefix.
    pub fn root(&self) -> &BucketUrl {
        &self.root
    }

    /// Which objects below the root belong to the list; `None` if the root is the only one.
    pub fn filter(&self) -> Option<&NameFilter> {
        self.filter.as_ref()
    }

    /// What shows the format if it is common to all objects: the name of the object, or the glob.
    pub fn name(&self) -> &Path {
        let key = self.text.splitn(4, '/').nth(3).unwrap_or_default();
        Path::new(key.trim_end_matches('/').rsplit('/').next().unwrap_or_default())
    }

    /// Whether an object, which may not exist, is or would be one of them.
    pub fn includes(&self, object: &BucketUrl) -> bool {
        let Some(filter) = &self.filter else {
            return is_same_bucket(&self.root, object) && self.root.key() == object.key();
        };
        below(&self.root, object).is_some_and(|below| filter.selects(Path::new(below)))
    }

    /// Whether the root is this prefix or below it.
    pub fn is_within(&self, prefix: &BucketUrl) -> bool {
        below(prefix, &self.root).is_some()
    }
}

impl fmt::Display for ObjectSelection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The text before the first component of the key with `*`, and the rest.
fn split_glob(text: &str) -> Option<(&str, &str)> {
    let bucket = text.find("://")? + 3;
    let key = bucket + text[bucket..].find('/')? + 1;
    let star = key + text[key..].find('*')?;
    let start = text[..star].rfind('/')? + 1;
    Some(text.split_at(start))
}

/// The key of an object or prefix below a prefix; empty for the prefix itself.
fn below<'k>(prefix: &BucketUrl, object: &'k BucketUrl) -> Option<&'k str> {
    if !is_same_bucket(prefix, object) {
        return None;
    }
    match (prefix.key(), object.key()) {
        ("", key) => Some(key),
        (prefix, key) if prefix == key => Some(""),
        (prefix, key) => key.strip_prefix(prefix)?.strip_prefix('/'),
    }
}

/// A bucket may have several kinds of URL.
fn is_same_bucket(one: &BucketUrl, other: &BucketUrl) -> bool {
    let kind = |url: &BucketUrl| match url.scheme() {
        Scheme::Abfss => Scheme::Az,
        Scheme::Cos => Scheme::S3,
        scheme => scheme,
    };
    kind(one) == kind(other) && one.bucket() == other.bucket()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selection(text: &str) -> ObjectSelection {
        ObjectSelection::parse(text).unwrap().unwrap()
    }

    fn url(text: &str) -> BucketUrl {
        BucketUrl::parse(text).unwrap().unwrap()
    }

    #[test]
    fn a_url_is_an_object_a_prefix_or_a_glob() {
        for (text, root, name, is_one) in [
            ("s3://lake/ids/a.csv.gz", "s3://lake/ids/a.csv.gz", "a.csv.gz", true),
            ("s3://lake/a[1].csv", "s3://lake/a[1].csv", "a[1].csv", true),
            ("gs://lake/ids/", "gs://lake/ids/", "ids", false),
            ("az://lake", "az://lake", "", false),
            ("s3://lake/*.csv", "s3://lake", "*.csv", false),
            ("s3://lake/ids/dt=*/p[0-9]*.csv", "s3://lake/ids/", "p[0-9]*.csv", false),
        ] {
            let selection = selection(text);
            assert_eq!(selection.root().to_string(), root, "{text}");
            assert_eq!(selection.to_string(), text);
            assert_eq!(selection.name(), Path::new(name), "{text}");
            assert_eq!(selection.filter().is_none(), is_one, "{text}");
        }
        for text in ["a/b.csv", "/a/*.csv", "-", "a:b"] {
            assert_eq!(ObjectSelection::parse(text), Ok(None), "{text}");
        }
    }

    #[test]
    fn wrong_urls_are_refused_without_their_secrets() {
        for (text, expected) in [
            ("s3://lake/a**", "is not a valid glob"),
            ("s3://lake/*?sig=hunter2", "has a query or a fragment"),
            ("s3://lake/?sig=hunter2", "has a query or a fragment"),
            ("s3://u:hunter2@lake/*", "contains a user name or password"),
            ("hdfs://lake/*", "of a kind that is not supported"),
            ("s3://lake/a//*", "has an empty component"),
        ] {
            let error = ObjectSelection::parse(text).unwrap_err();
            assert!(error.contains(expected) && error.contains("; "), "{text}: {error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn objects_of_the_list_are_known_before_they_exist() {
        for (list, object, expected) in [
            ("s3://lake/ids/a.csv", "s3://lake/ids/a.csv", true),
            ("s3://lake/ids/a.csv", "s3://lake/ids/b.csv", false),
            ("s3://lake/ids/", "s3://lake/ids/dt=1/b.csv", true),
            ("s3://lake/ids/", "s3://lake/ids2/b.csv", false),
            ("s3://lake/ids/", "s3://lake/ids/_failed_accounts.tsv", false),
            ("s3://lake/ids/", "s3://lake/ids/.work/b.csv", false),
            ("s3://lake", "s3://lake/b.csv", true),
            ("s3://lake", "s3://pond/b.csv", false),
            ("s3://lake/dt=*", "s3://lake/dt=1/b.csv", true),
            ("s3://lake/*/_failed_accounts.tsv", "s3://lake/x/_failed_accounts.tsv", true),
            ("s3://lake/*.csv", "s3://lake/a.tsv", false),
            ("az://c/x/", "abfss://c@a.dfs.core.windows.net/x/y.csv", true),
            ("gs://lake/", "s3://lake/a.csv", false),
        ] {
            assert_eq!(selection(list).includes(&url(object)), expected, "{list} {object}");
        }
        assert!(selection("s3://lake/out/x/").is_within(&url("s3://lake/out")));
        assert!(selection("s3://lake/out/").is_within(&url("s3://lake/out")));
        assert!(!selection("s3://lake/out2/").is_within(&url("s3://lake/out")));
    }
}
