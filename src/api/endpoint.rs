//! The hosts of each region, or a custom base URL.
//!
//! Source: REST overview 1047/34620 and `docs/im-rest-api.md` section 1. An app is in one data
//! center, and only the host of that data center knows it.

use std::net::IpAddr;

/// One data center.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Region {
    /// The name in a job file.
    pub name: &'static str,
    pub host: &'static str,
    /// For networks in which `host` is hijacked or unreachable.
    pub backup_host: &'static str,
}

const fn region(name: &'static str, host: &'static str, backup_host: &'static str) -> Region {
    Region { name, host, backup_host }
}

/// All known regions. Newer pages omit Mumbai, and Saudi Arabia is only found in code; both are kept, since a wrong host
/// returns a clear code (60026).
pub const REGIONS: &[Region] = &[
    region("china", "console.tim.qq.com", "adminapi.my-imcloud.com"),
    region("singapore", "adminapisgp.im.qcloud.com", "adminapisgp.my-imcloud.com"),
    region("seoul", "adminapikr.im.qcloud.com", "adminapikr.my-imcloud.com"),
    region("tokyo", "adminapijpn.im.qcloud.com", "adminapijpn.my-imcloud.com"),
    region("frankfurt", "adminapiger.im.qcloud.com", "adminapiger.my-imcloud.com"),
    region("silicon-valley", "adminapiusa.im.qcloud.com", "adminapiusa.my-imcloud.com"),
    region("jakarta", "adminapiidn.im.qcloud.com", "adminapiidn.my-imcloud.com"),
    region("mumbai", "adminapiind.im.qcloud.com", "adminapiind.my-imcloud.com"),
    region("saudi-arabia", "adminapiksa.im.qcloud.com", "adminapiksa.my-imcloud.com"),
];

/// Where calls go: one base URL, and a second one if the region has a backup host. Without a trailing slash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Scheme, host and port.
    pub base_url: String,
    /// Scheme and host to use while the first one is unreachable.
    pub backup_base_url: Option<String>,
}

/// Why a region or base URL cannot be used.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum EndpointError {
    #[error("\"{name}\" is not a region; use one of {known}, or base_url for any other host")]
    UnknownRegion { name: String, known: String },
    /// Not a URL, or a URL with unexpected parts.
    #[error(
        "\"{base_url}\" is not a base URL: {problem}; write scheme and host, such as https://console.tim.qq.com"
    )]
    NotABaseUrl {
        /// The text as written, without any credentials.
        base_url: String,
        problem: &'static str,
    },
    /// Plain HTTP would expose the UserSig.
    #[error(
        "plain http:// is only allowed to a loopback address, since the URL contains the UserSig; use https://{host}"
    )]
    PlainHttp { host: String },
}

impl Endpoint {
    pub fn of_region(name: &str) -> Result<Endpoint, EndpointError> {
        let region = REGIONS.iter().find(|region| region.name == name).ok_or_else(|| {
            let known: Vec<&str> = REGIONS.iter().map(|region| region.name).collect();
            EndpointError::UnknownRegion { name: name.to_owned(), known: known.join(", ") }
        })?;
        Ok(Endpoint {
            base_url: format!("https://{}", region.host),
            backup_base_url: Some(format!("https://{}", region.backup_host)),
        })
    }

    /// The endpoint of a custom URL: https, or http to a loopback address only.
    pub fn at_base_url(text: &str) -> Result<Endpoint, EndpointError> {
        let refuse = |shown: &str, problem| {
            Err(EndpointError::NotABaseUrl { base_url: shown.to_owned(), problem })
        };
        let Ok(url) = reqwest::Url::parse(text) else {
            return refuse("(unreadable)", "it cannot be parsed");
        };
        let Some(host) = url.host_str() else {
            return refuse("(no host)", "it has no host");
        };
        if !url.username().is_empty() || url.password().is_some() {
            return refuse(host, "it contains a user name or password");
        }
        if url.query().is_some() || url.fragment().is_some() {
            return refuse(host, "it has a query or a fragment");
        }
        match url.scheme() {
            "https" => {}
            "http" if is_loopback(host) => {}
            "http" => return Err(EndpointError::PlainHttp { host: host.to_owned() }),
            _ => return refuse(text, "its scheme is not https"),
        }
        Ok(Endpoint {
            base_url: url.as_str().trim_end_matches('/').to_owned(),
            backup_base_url: None,
        })
    }

    /// Whether calls stay on this machine. Decided by the text alone: a name that resolves to loopback today
    /// may resolve elsewhere tomorrow, so only literal loopback addresses and `localhost` count.
    pub fn is_loopback(&self) -> bool {
        reqwest::Url::parse(&self.base_url)
            .ok()
            .and_then(|url| url.host_str().map(is_loopback))
            .unwrap_or(false)
    }
}

fn is_loopback(host: &str) -> bool {
    host == "localhost"
        || host
            .trim_start_matches('[')
            .trim_end_matches(']')
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_region_has_two_distinct_hosts() {
        let mut hosts: Vec<&str> =
            REGIONS.iter().flat_map(|region| [region.host, region.backup_host]).collect();
        let count = hosts.len();
        hosts.sort_unstable();
        hosts.dedup();
        assert_eq!(hosts.len(), count);
        for region in REGIONS {
            let endpoint = Endpoint::of_region(region.name).unwrap();
            assert_eq!(endpoint.base_url, format!("https://{}", region.host));
            assert!(!endpoint.is_loopback());
        }
    }

    #[test]
    fn an_unknown_region_lists_the_known_ones() {
        let message = Endpoint::of_region("mars").unwrap_err().to_string();
        assert!(message.contains("\"mars\"") && message.contains("singapore"), "{message}");
    }

    #[test]
    fn plain_http_is_only_for_loopback() {
        for good in
            ["http://127.0.0.1:8080", "http://localhost:1/", "http://[::1]:9", "https://a.example/"]
        {
            assert!(Endpoint::at_base_url(good).is_ok(), "{good}");
        }
        for bad in
            ["http://127.0.0.1.example.com", "http://10.0.0.1", "http://localhost.evil.example"]
        {
            assert!(
                matches!(Endpoint::at_base_url(bad), Err(EndpointError::PlainHttp { .. })),
                "{bad}"
            );
        }
    }

    #[test]
    fn credentials_and_queries_are_rejected_without_repeating_them() {
        for bad in [
            "https://u:hunter2@a.example",
            "https://a.example/?usersig=hunter2",
            "ftp://a.example",
            "a.example",
        ] {
            let message = Endpoint::at_base_url(bad).unwrap_err().to_string();
            assert!(!message.contains("hunter2"), "{message}");
        }
    }
}
