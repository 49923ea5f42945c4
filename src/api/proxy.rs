//! The proxy for calls, from environment variables.
//!
//! reqwest ignores a value that it cannot parse and connects directly, which is never intended. So every value is validated
//! before the first call. No message contains a value, since it may contain a password.

use std::ffi::{OsStr, OsString};
use std::fmt;

use hyper_util::client::proxy::matcher::Matcher;

use super::endpoint::Endpoint;
use crate::util::exit_code::{ExitCode, HasExitCode};

/// The variables for https URLs; the first one that is set counts, and an empty one defers to [`ALL`].
const HTTPS: [&str; 2] = ["HTTPS_PROXY", "https_proxy"];
/// The variables for any URL.
const ALL: [&str; 2] = ["ALL_PROXY", "all_proxy"];
/// Not used for calls, which are https; validated since the same mistake is often in all variables.
const HTTP: [&str; 2] = ["HTTP_PROXY", "http_proxy"];

/// A proxy variable that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the environment variable {variable} is not a valid proxy URL: {problem}; write it as http://proxy.example:3128, or \
     unset it"
)]
pub struct ProxyError {
    variable: &'static str,
    problem: ProxyProblem,
}

impl HasExitCode for ProxyError {
    fn exit_code(&self) -> ExitCode {
        ExitCode::BadUsage
    }
}

/// What is wrong with a value. Does not contain the value.
#[derive(Debug, Clone, PartialEq, Eq)]
enum ProxyProblem {
    NotUtf8,
    WhiteSpace(&'static str),
    UnknownScheme(Option<String>),
    Socks,
    SlashesMissing,
    NoHost,
    Port,
    Unescaped,
    Unreadable,
}

impl fmt::Display for ProxyProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ProxyProblem::NotUtf8 => "it is not valid UTF-8",
            ProxyProblem::WhiteSpace(place) => return write!(f, "it has white space {place}"),
            ProxyProblem::UnknownScheme(Some(scheme)) => {
                return write!(f, "its scheme \"{scheme}\" is neither http nor https");
            }
            ProxyProblem::UnknownScheme(None) => "its scheme is neither http nor https",
            ProxyProblem::Socks => "SOCKS proxies are not supported, only http and https ones",
            ProxyProblem::SlashesMissing => "\"//\" is missing after its scheme",
            ProxyProblem::NoHost => "it has no host",
            ProxyProblem::Port => "its port is not a number from 1 to 65535",
            ProxyProblem::Unescaped => {
                "its user name or password has a character that must be percent-encoded (@ as %40, / as %2F, # as %23, \
                 ? as %3F, : in a user name as %3A)"
            }
            ProxyProblem::Unreadable => "it cannot be parsed",
        })
    }
}

/// The valid proxies of the environment.
#[derive(Debug)]
pub struct Proxies {
    matcher: Matcher,
    variable: &'static str,
}

/// The proxy for one host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proxy {
    /// Host and port.
    pub address: String,
    /// The environment variable that names it.
    pub variable: &'static str,
}

impl Proxies {
    /// Reads and validates the variables. `None` for a loopback endpoint, which a proxy could not reach.
    pub fn from_environment(endpoint: &Endpoint) -> Result<Option<Proxies>, ProxyError> {
        if endpoint.is_loopback() {
            return Ok(None);
        }
        let proxies = Proxies {
            matcher: Matcher::from_env(),
            variable: validate(|name| std::env::var_os(name))?,
        };
        for base_url in std::iter::once(&endpoint.base_url).chain(&endpoint.backup_base_url) {
            proxies.ensure_supported(base_url)?;
        }
        Ok(Some(proxies))
    }

    /// The proxy for this URL, unless `NO_PROXY` excludes its host.
    pub fn proxy_for(&self, base_url: &str) -> Option<Proxy> {
        let intercept = self.matcher.intercept(&base_url.parse().ok()?)?;
        let uri = intercept.uri();
        let default_port = if uri.scheme_str() == Some("https") { 443 } else { 80 };
        let address = format!("{}:{}", uri.host()?, uri.port_u16().unwrap_or(default_port));
        Some(Proxy { address, variable: self.variable })
    }

    fn ensure_supported(&self, base_url: &str) -> Result<(), ProxyError> {
        let intercept = base_url.parse().ok().and_then(|uri| self.matcher.intercept(&uri));
        match intercept.as_ref().and_then(|intercept| intercept.uri().scheme_str()) {
            Some("http" | "https") | None => Ok(()),
            Some(_) => Err(ProxyError { variable: self.variable, problem: ProxyProblem::Socks }),
        }
    }
}

/// Validates every variable; returns the one that names the proxy of https URLs.
fn validate(value: impl Fn(&str) -> Option<OsString>) -> Result<&'static str, ProxyError> {
    for variable in HTTPS.into_iter().chain(ALL).chain(HTTP) {
        let problem = value(variable).and_then(|value| find_problem(&value));
        if let Some(problem) = problem {
            return Err(ProxyError { variable, problem });
        }
    }
    let first_set = |names: [&'static str; 2]| {
        let name = names.into_iter().find(|name| value(name).is_some())?;
        value(name).is_some_and(|value| !value.is_empty()).then_some(name)
    };
    Ok(first_set(HTTPS).or_else(|| first_set(ALL)).unwrap_or(HTTPS[0]))
}

/// The problem of a variable's value, if any. An empty value counts as unset.
fn find_problem(value: &OsStr) -> Option<ProxyProblem> {
    let Some(value) = value.to_str() else { return Some(ProxyProblem::NotUtf8) };
    if value.is_empty() {
        return None;
    }
    if let Some(problem) = find_white_space(value) {
        return Some(problem);
    }
    let (scheme, rest) = match value.split_once("://") {
        Some((scheme, rest)) => (scheme, rest),
        None if starts_with_scheme(value) => return Some(ProxyProblem::SlashesMissing),
        None => ("http", value),
    };
    match scheme.to_ascii_lowercase().as_str() {
        "http" | "https" | "socks4" | "socks4a" | "socks5" | "socks5h" => {}
        unknown => return Some(ProxyProblem::UnknownScheme(presentable(unknown))),
    }
    find_authority_problem(rest).or_else(|| (!is_parsed(value)).then_some(ProxyProblem::Unreadable))
}

fn find_white_space(value: &str) -> Option<ProxyProblem> {
    let is_blank = |character: char| character.is_whitespace() || character.is_control();
    let place = if value.ends_with(is_blank) {
        "at its end"
    } else if value.starts_with(is_blank) {
        "at its start"
    } else if value.contains(is_blank) {
        "in it"
    } else {
        return None;
    };
    Some(ProxyProblem::WhiteSpace(place))
}

/// Whether a value without `://` has a scheme and too few slashes, and not a host named `http`.
fn starts_with_scheme(value: &str) -> bool {
    let rest = ["http:", "https:"].iter().find_map(|prefix| value.strip_prefix(prefix));
    rest.is_some_and(|rest| !rest.starts_with(|first: char| first.is_ascii_digit()))
}

/// The scheme, if it is too short and plain to be part of a password.
fn presentable(scheme: &str) -> Option<String> {
    const LONGEST: usize = 8;
    let is_plain =
        scheme.len() <= LONGEST && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric());
    is_plain.then(|| scheme.to_owned())
}

/// The problem after the scheme, if any: `[user[:password]@]host[:port][/]`.
fn find_authority_problem(rest: &str) -> Option<ProxyProblem> {
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, behind) = rest.split_at(end);
    if behind.contains('@') || authority.matches('@').count() > 1 {
        return Some(ProxyProblem::Unescaped);
    }
    let host_and_port = authority.split_once('@').map_or(authority, |(_, host)| host);
    let (host, port) = match host_and_port.rsplit_once(':') {
        // The last colon of an IPv6 address is not a separator.
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (host_and_port, None),
    };
    if host.is_empty() {
        return Some(ProxyProblem::NoHost);
    }
    let is_port = |port: &str| {
        port.bytes().all(|byte| byte.is_ascii_digit())
            && port.parse::<u16>().is_ok_and(|port| port > 0)
    };
    port.is_some_and(|port| !is_port(port)).then_some(ProxyProblem::Port)
}

/// Whether the HTTP library accepts it.
fn is_parsed(value: &str) -> bool {
    let matcher = Matcher::builder().all(value).build();
    "https://service.example".parse().is_ok_and(|uri| matcher.intercept(&uri).is_some())
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStringExt;

    use super::*;

    fn problem(value: &str) -> Option<String> {
        find_problem(OsStr::new(value)).map(|problem| problem.to_string())
    }

    #[test]
    fn usable_values_are_accepted() {
        for value in [
            "",
            "http://proxy.example:3128",
            "http://proxy.example",
            "HTTP://proxy.example:3128/",
            "https://proxy.example:443",
            "http://user:p%40ss%2F@10.0.0.1:8080/",
            "http://user@proxy.example:8080",
            "http://[::1]:8080",
            "http://[fe80::1]",
            "proxy.example:3128",
            "user:pass@proxy.example:3128",
            "http:3128",
            // Only rejected if it would be used.
            "socks5://127.0.0.1:1080",
        ] {
            assert_eq!(problem(value), None, "{value:?}");
        }
    }

    #[test]
    fn values_that_the_library_would_ignore_or_misread_are_refused() {
        for (value, expected) in [
            ("htp://proxy.example:3128", "its scheme \"htp\" is neither http nor https"),
            ("ftp://proxy.example", "its scheme \"ftp\" is neither http nor https"),
            ("://proxy.example", "its scheme \"\" is neither http nor https"),
            ("user:hunter2://proxy.example", "its scheme is neither http nor https"),
            ("http://proxy.example:3128 ", "it has white space at its end"),
            ("http://proxy.example:3128\r", "it has white space at its end"),
            ("\thttp://proxy.example:3128", "it has white space at its start"),
            ("http://proxy example:3128", "it has white space in it"),
            (" ", "it has white space at its end"),
            ("http://", "it has no host"),
            ("http://:3128", "it has no host"),
            ("http://user:hunter2@", "it has no host"),
            ("http://user:hunter2@:3128", "it has no host"),
            ("http:///3128", "it has no host"),
            ("http:/proxy.example:3128", "\"//\" is missing after its scheme"),
            ("http:proxy.example:3128", "\"//\" is missing after its scheme"),
            ("http://proxy.example:", "its port is not a number from 1 to 65535"),
            ("http://proxy.example:0", "its port is not a number from 1 to 65535"),
            ("http://proxy.example:+80", "its port is not a number from 1 to 65535"),
            ("http://proxy.example:65536", "its port is not a number from 1 to 65535"),
            ("http://proxy.example:port", "its port is not a number from 1 to 65535"),
            ("http://[::1", "it cannot be parsed"),
            ("http://pro\"xy:3128", "it cannot be parsed"),
        ] {
            assert_eq!(problem(value).as_deref(), Some(expected), "{value:?}");
        }
        for value in ["http://user:p@ss@host:1", "http://user:a/b@host:1", "http://u:a#b@host:1"] {
            let problem = problem(value).unwrap();
            assert!(problem.contains("percent-encoded"), "{value:?}: {problem}");
        }
        let not_utf8 = OsString::from_vec(b"http://proxy\xFF:3128".to_vec());
        assert_eq!(find_problem(&not_utf8), Some(ProxyProblem::NotUtf8));
    }

    #[test]
    fn the_variable_is_named_and_its_value_is_not_shown() {
        for variable in HTTPS.into_iter().chain(ALL).chain(HTTP) {
            for value in [
                "hunter2:hunter2://user:hunter2@host",
                "http://user:hunt@er2@host",
                "http://u:hunter2@",
            ] {
                let error = validate(|name| (name == variable).then(|| value.into())).unwrap_err();
                let shown = format!("{error} {error:?}");
                assert!(shown.contains(variable), "{shown}");
                assert!(!shown.contains("hunter2") && !shown.contains("er2"), "{shown}");
            }
        }
    }

    #[test]
    fn the_variable_that_counts_is_the_one_the_library_takes() {
        let chosen = |set: &[(&str, &str)]| {
            validate(|name| set.iter().find(|(set, _)| *set == name).map(|(_, value)| value.into()))
                .unwrap()
        };
        let (url, empty) = ("http://a:1", "");
        assert_eq!(chosen(&[]), "HTTPS_PROXY");
        assert_eq!(chosen(&[("https_proxy", url)]), "https_proxy");
        assert_eq!(chosen(&[("https_proxy", url), ("HTTPS_PROXY", url)]), "HTTPS_PROXY");
        assert_eq!(chosen(&[("ALL_PROXY", url), ("https_proxy", url)]), "https_proxy");
        assert_eq!(chosen(&[("all_proxy", url)]), "all_proxy");
        assert_eq!(chosen(&[("HTTPS_PROXY", empty), ("ALL_PROXY", url)]), "ALL_PROXY");
    }

    #[test]
    fn hosts_of_no_proxy_are_called_directly_and_socks_is_refused_where_it_would_be_used() {
        let proxies = |proxy: &str| Proxies {
            matcher: Matcher::builder().https(proxy).no("internal.example").build(),
            variable: "HTTPS_PROXY",
        };
        let http = proxies("http://user:hunter2@proxy.example:3128");
        let expected = Proxy { address: "proxy.example:3128".to_owned(), variable: "HTTPS_PROXY" };
        assert_eq!(http.proxy_for("https://a.example"), Some(expected));
        assert_eq!(http.proxy_for("https://im.internal.example"), None);
        assert!(!format!("{http:?}").contains("hunter2"));
        assert_eq!(http.ensure_supported("https://a.example"), Ok(()));
        let socks = proxies("socks5h://127.0.0.1:1080");
        assert_eq!(
            socks.ensure_supported("https://a.example").unwrap_err().problem,
            ProxyProblem::Socks
        );
        assert_eq!(socks.ensure_supported("https://im.internal.example"), Ok(()));
    }
}
