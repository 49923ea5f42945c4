//! The documents of the S3 protocol.

use std::collections::{BTreeMap, BTreeSet};

use super::http::Request;
use super::memory_s3::Object;

/// An error document.
pub fn error(code: &str) -> String {
    format!("<Error><Code>{code}</Code><Message>of the tests</Message></Error>")
}

/// A text as the content of an element.
pub fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// The texts of all elements of a name.
pub fn texts_of(document: &str, element: &str) -> Vec<String> {
    let (open, close) = (format!("<{element}>"), format!("</{element}>"));
    let texts = document.split(&open).skip(1).map(|rest| rest.split(&close).next().unwrap());
    let characters = [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&apos;", "'"),
        ("&#39;", "'"),
        ("&amp;", "&"),
    ];
    texts
        .map(|text| {
            characters
                .iter()
                .fold(text.to_owned(), |text, (name, character)| text.replace(name, character))
        })
        .collect()
}

/// A page of ListObjectsV2, of a few keys, so that every listing of a test has several pages.
pub fn listing(objects: &BTreeMap<String, Object>, request: &Request) -> String {
    const PAGE: usize = 20;
    let parameter = |name| request.parameter(name).unwrap_or_default();
    let (prefix, delimiter) = (parameter("prefix"), parameter("delimiter"));
    let after = match parameter("continuation-token") {
        "" => parameter("start-after"),
        token => token,
    };
    let page = request.parameter("max-keys").map_or(PAGE, |keys| keys.parse().unwrap()).min(PAGE);
    let mut entries = BTreeSet::new();
    for key in objects.keys().filter(|key| key.starts_with(prefix)) {
        let end = key[prefix.len()..].find(delimiter).filter(|_| !delimiter.is_empty());
        let entry = match end {
            Some(end) => (key[..prefix.len() + end + delimiter.len()].to_owned(), true),
            None => (key.clone(), false),
        };
        if entry.0.as_str() > after {
            entries.insert(entry);
        }
    }
    let is_truncated = entries.len() > page;
    let entries: Vec<(String, bool)> = entries.into_iter().take(page).collect();
    let token = entries.last().filter(|_| is_truncated).map_or(String::new(), |(key, _)| {
        format!("<NextContinuationToken>{}</NextContinuationToken>", escaped(key))
    });
    let elements: String = entries
        .iter()
        .map(|(key, is_prefix)| {
            let name = escaped(key);
            if *is_prefix {
                return format!("<CommonPrefixes><Prefix>{name}</Prefix></CommonPrefixes>");
            }
            let Object { bytes, etag, modified, .. } = &objects[key];
            format!(
                "<Contents><Key>{name}</Key><LastModified>{modified}</LastModified><ETag>{}</ETag><Size>{}</Size></Contents>",
                escaped(etag),
                bytes.len()
            )
        })
        .collect();
    format!(
        "<ListBucketResult><Prefix>{}</Prefix><KeyCount>{}</KeyCount><IsTruncated>{is_truncated}</IsTruncated>{token}{elements}</ListBucketResult>",
        escaped(prefix),
        entries.len()
    )
}
