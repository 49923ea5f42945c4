//! The URL of an object, or of a prefix, in an object store.

use std::fmt;

/// The longest key that every store accepts, in bytes.
const MAX_KEY_BYTES: usize = 1024;

/// An object store, by its way of writing a URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// `s3://bucket/key`: S3, or a store that speaks its protocol.
    S3,
    /// `gs://bucket/key`: Google Cloud Storage.
    Gs,
    /// `az://container/key`: Azure Blob Storage, with the account in the environment.
    Az,
    /// `abfss://container@account.dfs.core.windows.net/key`: the same, with the account in the URL.
    Abfss,
    /// `cos://bucket-appid/key`: Tencent Cloud COS.
    Cos,
}

const SCHEMES: [(&str, Scheme); 5] = [
    ("s3", Scheme::S3),
    ("gs", Scheme::Gs),
    ("az", Scheme::Az),
    ("abfss", Scheme::Abfss),
    ("cos", Scheme::Cos),
];

impl Scheme {
    /// The scheme as it is written.
    pub fn name(self) -> &'static str {
        SCHEMES.iter().find(|(_, scheme)| *scheme == self).map_or("", |(name, _)| name)
    }
}

/// `s3://bucket/key`, `gs://bucket/key`, `az://container/key`, `abfss://container@account.dfs.core.windows.net/key` or
/// `cos://bucket-appid/key`. Its text never contains a credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BucketUrl {
    scheme: Scheme,
    bucket: String,
    /// The host of an abfss URL, whose first label is the account.
    host: Option<String>,
    key: String,
    is_prefix: bool,
}

/// Why a text with `://` in it is not the URL of an object store that can be used. It completes "KEY ..." and repeats no
/// part that may be a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{problem}; {fix}")]
pub struct UrlError {
    problem: String,
    fix: String,
}

fn refuse<T>(problem: impl Into<String>, fix: impl Into<String>) -> Result<T, UrlError> {
    Err(UrlError { problem: problem.into(), fix: fix.into() })
}

impl BucketUrl {
    /// The URL of an object store; `None` for a text that is a local path.
    ///
    /// # Errors
    /// When the text is a URL, but not one that can be used.
    pub fn parse(text: &str) -> Result<Option<BucketUrl>, UrlError> {
        let Some((scheme, rest)) = split_scheme(text) else { return Ok(None) };
        let scheme = known_scheme(&scheme)?;
        let (authority, key) = rest.split_once('/').unwrap_or((rest, ""));
        let (bucket, host) = bucket_and_host(scheme, authority)?;
        let is_prefix = rest.len() == authority.len() || key.is_empty() || key.ends_with('/');
        let key = key.strip_suffix('/').unwrap_or(key);
        check_key(key)?;
        Ok(Some(BucketUrl { scheme, bucket, host, key: key.to_owned(), is_prefix }))
    }

    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The name of the bucket or container.
    pub fn bucket(&self) -> &str {
        &self.bucket
    }

    /// The host of an abfss URL.
    pub fn host(&self) -> Option<&str> {
        self.host.as_deref()
    }

    /// The key, without a slash at either end; empty for the bucket itself.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Whether the URL was written with a slash at its end, or names a whole bucket.
    pub fn is_prefix(&self) -> bool {
        self.is_prefix
    }

    /// Another key of the same bucket.
    pub fn with_key(&self, key: &str) -> BucketUrl {
        let is_prefix = key.is_empty() || key.ends_with('/');
        let key = key.trim_matches('/').to_owned();
        BucketUrl { key, is_prefix, ..self.clone() }
    }

    /// A key below this one.
    pub fn join(&self, below: &str) -> BucketUrl {
        match self.key.as_str() {
            "" => self.with_key(below),
            key => self.with_key(&format!("{key}/{}", below.trim_start_matches('/'))),
        }
    }

    /// The URL without the last component of the key; `None` for a bucket.
    pub fn parent(&self) -> Option<BucketUrl> {
        let parent = |key: &str| BucketUrl {
            is_prefix: key.is_empty(),
            key: key.to_owned(),
            ..self.clone()
        };
        match self.key.rsplit_once('/') {
            Some((above, _)) => Some(parent(above)),
            None => (!self.key.is_empty()).then(|| parent("")),
        }
    }

    /// The last component of the key; `None` for a bucket.
    pub fn name(&self) -> Option<&str> {
        self.key.rsplit('/').next().filter(|name| !name.is_empty())
    }
}

impl fmt::Display for BucketUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme.name(), self.bucket)?;
        if let Some(host) = &self.host {
            write!(f, "@{host}")?;
        }
        match (self.key.as_str(), self.is_prefix) {
            ("", _) => Ok(()),
            (key, true) => write!(f, "/{key}/"),
            (key, false) => write!(f, "/{key}"),
        }
    }
}

/// The scheme in lower case, and what follows it.
fn split_scheme(text: &str) -> Option<(String, &str)> {
    let (scheme, rest) = text.trim_start().split_once("://")?;
    let is_scheme = scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    is_scheme.then(|| (scheme.to_ascii_lowercase(), rest))
}

fn known_scheme(scheme: &str) -> Result<Scheme, UrlError> {
    const ALL: &str =
        "write a local path, or a URL that starts with s3://, gs://, az://, abfss:// or cos://";
    if let Some((_, known)) = SCHEMES.iter().find(|(name, _)| *name == scheme) {
        return Ok(*known);
    }
    let fix = match scheme {
        "file" => return refuse("is a file:// URL", "write the path without file://"),
        "s3a" | "s3n" => "write s3://",
        "gcs" => "write gs://",
        "abfs" | "wasb" | "wasbs" | "adl" | "azure" => {
            "write abfss://CONTAINER@ACCOUNT.dfs.core.windows.net/ or az://CONTAINER/"
        }
        "cosn" => "write cos://BUCKET-APPID/",
        "http" | "https" => {
            "write the bucket as s3://, gs://, az://, abfss:// or cos://, and the host as store.endpoint"
        }
        _ => ALL,
    };
    refuse(format!("is a URL ({scheme}://...) of a kind that is not supported"), fix)
}

fn bucket_and_host(scheme: Scheme, authority: &str) -> Result<(String, Option<String>), UrlError> {
    let example = match scheme {
        Scheme::Abfss => "write abfss://CONTAINER@ACCOUNT.dfs.core.windows.net/PREFIX".to_owned(),
        Scheme::Cos => {
            "write cos://BUCKET-APPID/PREFIX, such as cos://lake-1250000000/profiles".to_owned()
        }
        Scheme::Az => "write az://CONTAINER/PREFIX".to_owned(),
        other => format!("write {}://BUCKET/PREFIX", other.name()),
    };
    let (bucket, host) = match (scheme, authority.split_once('@')) {
        (Scheme::Abfss, Some((bucket, host))) if !bucket.contains(':') => (bucket, Some(host)),
        (Scheme::Abfss, None) => return refuse("has no account", example),
        (_, None) => (authority, None),
        (_, Some(_)) => {
            return refuse(
                "contains a user name or password before the bucket",
                "remove it; credentials are read from the environment (docs/object-stores.md)",
            );
        }
    };
    if bucket.is_empty() {
        return refuse("has no bucket", example);
    }
    if bucket.contains(':') {
        return refuse("has a port behind the bucket", "write the host and port as store.endpoint");
    }
    let is_name = |text: &str| {
        text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._$".contains(&byte))
            && text.starts_with(|first: char| first.is_ascii_alphanumeric() || first == '$')
    };
    if !is_name(bucket) || bucket.len() > 222 {
        return refuse("has a name of a bucket that no store allows", example);
    }
    if scheme == Scheme::Cos && !has_app_id(bucket) {
        return refuse("has a bucket without the APPID at its end", example);
    }
    if let Some(host) = host
        && !(is_name(host) && host.split('.').nth(1) == Some("dfs"))
    {
        return refuse("has a host that is not ACCOUNT.dfs.core.windows.net", example);
    }
    Ok((bucket.to_owned(), host.map(str::to_owned)))
}

fn has_app_id(bucket: &str) -> bool {
    bucket.rsplit_once('-').is_some_and(|(name, id)| {
        !name.is_empty() && id.len() >= 6 && id.bytes().all(|byte| byte.is_ascii_digit())
    })
}

fn check_key(key: &str) -> Result<(), UrlError> {
    if key.contains('?') || key.contains('#') {
        return refuse(
            "has a query or a fragment",
            "write the URL without ? and #; no credential belongs in it",
        );
    }
    if key.contains('*') {
        return refuse(
            "contains *",
            "write a prefix that ends in /, which means every object below it",
        );
    }
    if key.chars().any(char::is_control) {
        return refuse("contains a control character", "write the URL without it");
    }
    if key.len() > MAX_KEY_BYTES {
        return refuse(
            format!("has a key of {} bytes", key.len()),
            format!("write one of at most {MAX_KEY_BYTES} bytes"),
        );
    }
    if key.is_empty() {
        return Ok(());
    }
    match key.split('/').find(|part| ["", ".", ".."].contains(part)) {
        None => Ok(()),
        Some("") => refuse("has an empty component (//)", "write single slashes"),
        Some(part) => refuse(format!("has the component {part}"), "write the key without it"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> BucketUrl {
        BucketUrl::parse(text).unwrap().unwrap()
    }

    fn error(text: &str) -> String {
        BucketUrl::parse(text).unwrap_err().to_string()
    }

    #[test]
    fn urls_of_all_stores_keep_their_text() {
        for (text, scheme, bucket, key) in [
            ("s3://lake/profiles/dt=1", Scheme::S3, "lake", "profiles/dt=1"),
            ("s3://my.lake", Scheme::S3, "my.lake", ""),
            ("gs://lake_2/a b/ü%20.csv.gz", Scheme::Gs, "lake_2", "a b/ü%20.csv.gz"),
            ("az://$web/x/", Scheme::Az, "$web", "x"),
            ("abfss://c@acc.dfs.core.windows.net/x", Scheme::Abfss, "c", "x"),
            ("cos://lake-1250000000/p/", Scheme::Cos, "lake-1250000000", "p"),
        ] {
            let parsed = url(text);
            assert_eq!(
                (parsed.scheme(), parsed.bucket(), parsed.key(), parsed.to_string().as_str()),
                (scheme, bucket, key, text)
            );
            assert_eq!(parsed.is_prefix(), text.ends_with('/') || key.is_empty(), "{text}");
        }
        assert_eq!(url("S3://lake/x").to_string(), "s3://lake/x");
        assert_eq!(url("s3://lake/").to_string(), "s3://lake");
        assert_eq!(
            url("abfss://c@a.dfs.core.chinacloudapi.cn/").host(),
            Some("a.dfs.core.chinacloudapi.cn")
        );
    }

    #[test]
    fn local_paths_are_not_urls() {
        for text in ["", "-", "a/b", "/s3:/x", "C:\\x", "://x", "a b://c", "s3:/lake", "1://x"] {
            assert_eq!(BucketUrl::parse(text), Ok(None), "{text}");
        }
    }

    #[test]
    fn keys_are_joined_and_split() {
        let root = url("s3://lake");
        assert_eq!(root.join("a/b").to_string(), "s3://lake/a/b");
        assert_eq!(root.join("a/").join("/b").to_string(), "s3://lake/a/b");
        assert_eq!((root.parent(), root.name()), (None, None));
        let object = url("s3://lake/a/b/");
        assert_eq!(object.parent().map(|it| it.to_string()).as_deref(), Some("s3://lake/a"));
        assert_eq!(object.name(), Some("b"));
        let top = object.parent().and_then(|above| above.parent()).unwrap();
        assert_eq!((top.to_string().as_str(), top.is_prefix()), ("s3://lake", true));
        assert_eq!(object.with_key("x/").to_string(), "s3://lake/x/");
    }

    #[test]
    fn wrong_urls_are_refused_without_their_secrets() {
        for text in [
            "s3://key:hunter2@lake/x",
            "s3://hunter2@lake",
            "abfss://c:hunter2@acc.dfs.core.windows.net/x",
            "az://c/x?sig=hunter2",
            "https://lake.s3.amazonaws.com/x?X-Amz-Signature=hunter2",
            "s3://lake/x#hunter2",
            "cos://hunter2:x@lake-1250000000/",
            "abfss://c@hunter2@acc.dfs.core.windows.net/",
        ] {
            assert!(!error(text).contains("hunter2"), "{}", error(text));
        }
        let texts = [
            "hdfs://lake/x",
            "file:///x",
            "s3a://lake/x",
            "abfs://c@a.dfs.core.windows.net/x",
            "cosn://lake/x",
            "s3:///x",
            "s3://",
            "s3://lake:9000/x",
            "s3://la ke/x",
            "s3://lake//x",
            "s3://lake/x//",
            "s3://lake/a/../b",
            "s3://lake/.",
            "s3://lake/*.csv",
            "cos://lake/x",
            "abfss://c/x",
            "abfss://c@acc/x",
        ];
        let errors: String = texts.map(|text| format!("{text} {}\n", error(text))).concat();
        insta::assert_snapshot!(errors, @r#"
        hdfs://lake/x is a URL (hdfs://...) of a kind that is not supported; write a local path, or a URL that starts with s3://, gs://, az://, abfss:// or cos://
        file:///x is a file:// URL; write the path without file://
        s3a://lake/x is a URL (s3a://...) of a kind that is not supported; write s3://
        abfs://c@a.dfs.core.windows.net/x is a URL (abfs://...) of a kind that is not supported; write abfss://CONTAINER@ACCOUNT.dfs.core.windows.net/ or az://CONTAINER/
        cosn://lake/x is a URL (cosn://...) of a kind that is not supported; write cos://BUCKET-APPID/
        s3:///x has no bucket; write s3://BUCKET/PREFIX
        s3:// has no bucket; write s3://BUCKET/PREFIX
        s3://lake:9000/x has a port behind the bucket; write the host and port as store.endpoint
        s3://la ke/x has a name of a bucket that no store allows; write s3://BUCKET/PREFIX
        s3://lake//x has an empty component (//); write single slashes
        s3://lake/x// has an empty component (//); write single slashes
        s3://lake/a/../b has the component ..; write the key without it
        s3://lake/. has the component .; write the key without it
        s3://lake/*.csv contains *; write a prefix that ends in /, which means every object below it
        cos://lake/x has a bucket without the APPID at its end; write cos://BUCKET-APPID/PREFIX, such as cos://lake-1250000000/profiles
        abfss://c/x has no account; write abfss://CONTAINER@ACCOUNT.dfs.core.windows.net/PREFIX
        abfss://c@acc/x has a host that is not ACCOUNT.dfs.core.windows.net; write abfss://CONTAINER@ACCOUNT.dfs.core.windows.net/PREFIX
        "#);
        assert!(error(&format!("s3://lake/{}", "x".repeat(1025))).contains("1025 bytes"));
        assert!(error("s3://lake/a\u{7}b").contains("control character"));
    }
}
