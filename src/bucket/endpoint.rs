//! The endpoint of a store: https, or http to this machine.

use std::net::IpAddr;

use reqwest::Url;

/// An endpoint that may be used: scheme, host, port and, for Azure, a path; without a slash at the end.
///
/// # Errors
/// What is wrong with the text and how to fix it, without any part that may be a password.
pub fn parse_endpoint(text: &str) -> Result<String, String> {
    const EXAMPLE: &str = "write scheme and host, such as \"https://s3.example.com\"";
    let refuse = |problem: &str| Err(format!("{problem}; {EXAMPLE}"));
    let Ok(url) = Url::parse(text.trim()) else { return refuse("is not a URL") };
    if !url.username().is_empty() || url.password().is_some() {
        return Err(
            "contains a user name or password; remove it, credentials are read from the environment \
             (docs/object-stores.md)"
                .to_owned(),
        );
    }
    if url.query().is_some() || url.fragment().is_some() {
        return refuse("has a query or a fragment");
    }
    let Some(host) = url.host_str() else { return refuse("has no host") };
    match url.scheme() {
        "https" => {}
        "http" if is_loopback(host) => {}
        "http" => {
            return Err(format!(
                "is plain http:// to another machine, which would expose the data and the credentials; write https://{host}"
            ));
        }
        _ => return refuse("is not a URL that starts with https://"),
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

/// Decided by the text alone: a name that resolves to loopback today may resolve elsewhere tomorrow.
pub fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_are_https_or_on_this_machine() {
        for (text, endpoint) in [
            ("https://s3.example.com/", "https://s3.example.com"),
            (" https://s3.example.com:9000 ", "https://s3.example.com:9000"),
            ("http://127.0.0.1:8333", "http://127.0.0.1:8333"),
            ("http://127.0.0.1:10000/devstoreaccount1/", "http://127.0.0.1:10000/devstoreaccount1"),
            ("http://[::1]:9", "http://[::1]:9"),
            ("http://localhost:1", "http://localhost:1"),
        ] {
            assert_eq!(parse_endpoint(text).as_deref(), Ok(endpoint), "{text}");
        }
        for text in [
            "http://10.0.0.1:9000",
            "http://localhost.evil.example",
            "http://127.0.0.1.example.com",
            "s3.example.com",
            "",
            "ftp://a",
            "https://u:hunter2@a",
            "https://a/?sig=hunter2",
            "https://a/#hunter2",
            "s3://a",
            "localhost:9000",
        ] {
            let error = parse_endpoint(text).unwrap_err();
            assert!(error.contains("; ") && !error.contains("hunter2"), "{text}: {error}");
        }
    }
}
