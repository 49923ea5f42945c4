//! Why a connection failed: finds the cause in an error chain that a person can act on.

use std::error::Error;
use std::io;

use rustls::CertificateError;

use super::proxy::Proxy;
use super::transport::{CertificateProblem, TransportFailure};
use crate::util::connection_problem::connection_problem;

/// The destination of a call, without its URL, which contains the UserSig.
#[derive(Debug)]
pub(super) struct Route {
    /// Name or address.
    pub host: String,
    pub port: u16,
    pub proxy: Option<Proxy>,
}

/// The failure of a call without a connection; `cause` is the error below that of the HTTP client.
pub(super) fn connection_failure(cause: &(dyn Error + 'static), route: &Route) -> TransportFailure {
    let service = format!("{}:{}", route.host, route.port);
    let Some(proxy) = &route.proxy else {
        let peer =
            Peer { host: &route.host, address: &service, setting: "api.region or api.base_url" };
        return peer
            .permanent_failure(cause)
            .unwrap_or_else(|| broken(format!("cannot connect to {service}"), cause));
    };
    let has_text = |text: &str| causes(cause).any(|cause| cause.to_string().contains(text));
    if has_text(PROXY_REQUIRES_CREDENTIALS) {
        let Proxy { address, variable } = proxy.clone();
        return TransportFailure::ProxyAuthentication { proxy: address, variable };
    }
    let is_connected_to_proxy = !has_text(PROXY_UNREACHABLE);
    let peer = if is_connected_to_proxy {
        Peer { host: &route.host, address: &service, setting: "api.region or api.base_url" }
    } else {
        let host = proxy.address.rsplit_once(':').map_or(proxy.address.as_str(), |(host, _)| host);
        Peer { host, address: &proxy.address, setting: proxy.variable }
    };
    peer.permanent_failure(cause).unwrap_or_else(|| {
        if has_text(PROXY_REFUSES) {
            // The library hides the proxy's status: a wrong password, a rule, or a transient failure.
            let Proxy { address, variable } = proxy;
            return TransportFailure::Connection(format!(
                "the proxy {address} refuses to connect to {service}; check the user name and password in {variable}, and that the proxy allows this host"
            ));
        }
        let head = format!("cannot connect to {service} through the proxy {}", proxy.address);
        broken(head, cause)
    })
}

/// hyper-util's error type for a tunnel is private, so its text decides.
const PROXY_REQUIRES_CREDENTIALS: &str = "proxy authorization required";
const PROXY_REFUSES: &str = "tunnel error: unsuccessful";
const PROXY_UNREACHABLE: &str = "failed to create underlying connection";

fn broken(head: String, cause: &(dyn Error + 'static)) -> TransportFailure {
    let problem = causes(cause).find_map(plain_problem);
    let problem = problem.unwrap_or_else(|| texts(cause));
    TransportFailure::Connection(format!("{head}: {problem}"))
}

/// The failure of a call whose connection broke.
pub(super) fn lost_connection(error: &(dyn Error + 'static)) -> TransportFailure {
    let problem = causes(error).find_map(plain_problem);
    TransportFailure::Connection(match problem {
        Some(problem) => format!("the connection was lost: {problem}"),
        None => texts(error),
    })
}

/// The usual problems of a connection in plain words.
fn plain_problem(cause: &(dyn Error + 'static)) -> Option<String> {
    if let Some(error) = cause.downcast_ref::<rustls::Error>() {
        return Some(match error {
            // What a server without TLS sends instead.
            rustls::Error::InvalidMessage(_) => "it does not use TLS on this port".to_owned(),
            other => format!("TLS failed: {other}"),
        });
    }
    let is_incomplete = hyper::Error::is_incomplete_message;
    if cause.downcast_ref::<hyper::Error>().is_some_and(is_incomplete) {
        return Some("connection closed".to_owned());
    }
    if let Some(reason) = lookup_failure(&cause.to_string()) {
        return Some(match reason {
            "Temporary failure in name resolution" | "Try again" => {
                "the name server did not respond".to_owned()
            }
            "No address associated with hostname" => "the host name has no address".to_owned(),
            reason => format!("the host name could not be looked up ({reason})"),
        });
    }
    connection_problem(cause).map(str::to_owned)
}

/// The host that a connection step involves.
struct Peer<'a> {
    host: &'a str,
    address: &'a str,
    setting: &'static str,
}

impl Peer<'_> {
    fn permanent_failure(&self, cause: &(dyn Error + 'static)) -> Option<TransportFailure> {
        causes(cause).find_map(|cause| {
            if let Some(rustls::Error::InvalidCertificate(error)) = cause.downcast_ref() {
                let problem = certificate_problem(error);
                return Some(TransportFailure::Certificate {
                    host: self.address.to_owned(),
                    problem,
                });
            }
            is_unknown_host(&cause.to_string()).then(|| TransportFailure::UnknownHost {
                host: self.host.to_owned(),
                setting: self.setting,
            })
        })
    }
}

fn certificate_problem(error: &CertificateError) -> CertificateProblem {
    match error {
        // An authority with the name of a trusted one, such as a renewed one of a proxy, makes a bad signature.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            CertificateProblem::UnknownIssuer
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            CertificateProblem::Expired
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            CertificateProblem::NotYetValid
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            CertificateProblem::WrongName
        }
        // A self-signed certificate.
        CertificateError::Other(other) if other.to_string().contains("CaUsedAsEndEntity") => {
            CertificateProblem::UnknownIssuer
        }
        other => CertificateProblem::Other(other.to_string()),
    }
}

/// Whether the text means `EAI_NONAME`: DNS responded, and the host does not exist. The standard library hides the code of
/// getaddrinfo, so its text decides; any other code, such as `EAI_AGAIN`, may be transient.
fn is_unknown_host(text: &str) -> bool {
    /// Of glibc, musl and macOS, which translate it only if the process sets a locale.
    const NO_NAME: [&str; 3] = [
        "Name or service not known",
        "Name does not resolve",
        "nodename nor servname provided, or not known",
    ];
    lookup_failure(text).is_some_and(|reason| NO_NAME.contains(&reason))
}

/// Why the standard library could not look up a host name.
fn lookup_failure(text: &str) -> Option<&str> {
    text.split_once("failed to lookup address information: ").map(|(_, reason)| reason)
}

/// An error and its sources, including the one wrapped in an I/O error.
fn causes<'e>(error: &'e (dyn Error + 'static)) -> impl Iterator<Item = &'e (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| {
        let inner = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        inner.map(|inner| inner as &(dyn Error + 'static)).or_else(|| error.source())
    })
}

/// The texts of an error and its sources, each once.
fn texts(error: &(dyn Error + 'static)) -> String {
    let mut text = String::new();
    for cause in causes(error) {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            if !text.is_empty() {
                text.push_str(": ");
            }
            text.push_str(&cause_text);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An error with a source, as the HTTP libraries wrap them.
    #[derive(Debug, thiserror::Error)]
    #[error("{text}")]
    struct Wrapped {
        text: &'static str,
        source: Box<dyn Error + Send + Sync>,
    }

    fn wrapped(text: &'static str, source: impl Into<Box<dyn Error + Send + Sync>>) -> Wrapped {
        Wrapped { text, source: source.into() }
    }

    fn route(with_proxy: bool) -> Route {
        let proxy = Proxy { address: "proxy.example:3128".to_owned(), variable: "https_proxy" };
        Route { host: "service.example".to_owned(), port: 443, proxy: with_proxy.then_some(proxy) }
    }

    fn lookup_error(reason: &str) -> Wrapped {
        let text = format!("failed to lookup address information: {reason}");
        wrapped("dns error", io::Error::other(text))
    }

    #[test]
    fn only_a_host_that_does_not_exist_is_permanent() {
        for (reason, is_permanent) in [
            ("Name or service not known", true),
            ("Name does not resolve", true),
            ("nodename nor servname provided, or not known", true),
            ("Temporary failure in name resolution", false),
            ("Try again", false),
            ("Non-recoverable failure in name resolution", false),
            ("No address associated with hostname", false),
            ("System error", false),
        ] {
            let failure = connection_failure(&lookup_error(reason), &route(false));
            assert_eq!(failure.is_permanent(), is_permanent, "{failure}");
            let text = failure.to_string();
            assert_eq!(text.matches("service.example").count(), 1, "{text}");
            assert!(!text.contains("dns error"), "{text}");
        }
        let temporary = lookup_error("Temporary failure in name resolution");
        assert_eq!(
            connection_failure(&temporary, &route(false)).to_string(),
            "cannot connect to service.example:443: the name server did not respond"
        );
        let unknown = connection_failure(&lookup_error("Name does not resolve"), &route(false));
        assert!(
            unknown.to_string().starts_with("host name not found: service.example; check api.")
        );
    }

    #[test]
    fn usual_problems_are_named_once_and_in_plain_words() {
        let text = |cause: io::Error, with_proxy| {
            let cause = wrapped("tcp connect error", cause);
            connection_failure(&cause, &route(with_proxy)).to_string()
        };
        let refused = || io::Error::from_raw_os_error(111);
        let without_tls = rustls::Error::InvalidMessage(rustls::InvalidMessage::InvalidContentType);
        insta::assert_snapshot!(
            [
                text(refused(), false),
                text(refused(), true),
                text(io::Error::from_raw_os_error(113), false),
                text(io::Error::from_raw_os_error(101), false),
                text(io::Error::from_raw_os_error(110), false),
                text(io::Error::other(without_tls), false),
                text(io::Error::other("a new problem"), false),
            ]
            .join("\n"),
            @"
        cannot connect to service.example:443: connection refused
        cannot connect to service.example:443 through the proxy proxy.example:3128: connection refused
        cannot connect to service.example:443: no route to the host
        cannot connect to service.example:443: network unreachable
        cannot connect to service.example:443: connection timed out
        cannot connect to service.example:443: it does not use TLS on this port
        cannot connect to service.example:443: tcp connect error: a new problem
        "
        );
    }

    #[test]
    fn certificate_problems_are_found_below_io_errors() {
        let problem = |error: CertificateError| {
            let tls = io::Error::new(
                io::ErrorKind::InvalidData,
                rustls::Error::InvalidCertificate(error),
            );
            match connection_failure(&wrapped("client", io::Error::other(tls)), &route(false)) {
                TransportFailure::Certificate { host, problem } => {
                    assert_eq!(host, "service.example:443");
                    problem
                }
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(problem(CertificateError::UnknownIssuer), CertificateProblem::UnknownIssuer);
        assert_eq!(problem(CertificateError::BadSignature), CertificateProblem::UnknownIssuer);
        assert_eq!(problem(CertificateError::Expired), CertificateProblem::Expired);
        assert_eq!(problem(CertificateError::NotValidYet), CertificateProblem::NotYetValid);
        assert_eq!(problem(CertificateError::NotValidForName), CertificateProblem::WrongName);
        assert!(matches!(problem(CertificateError::Revoked), CertificateProblem::Other(_)));
    }

    #[test]
    fn failures_of_a_proxy_name_the_proxy_and_its_variable() {
        let tunnel = |text| wrapped(text, io::Error::other("behind it"));
        let requires_credentials = tunnel("tunnel error: proxy authorization required");
        assert_eq!(
            connection_failure(&requires_credentials, &route(true)),
            TransportFailure::ProxyAuthentication {
                proxy: "proxy.example:3128".to_owned(),
                variable: "https_proxy"
            }
        );
        let unknown = wrapped(
            "tunnel error: failed to create underlying connection",
            lookup_error("Name or service not known"),
        );
        assert_eq!(
            connection_failure(&unknown, &route(true)),
            TransportFailure::UnknownHost {
                host: "proxy.example".to_owned(),
                setting: "https_proxy"
            }
        );
        let refused = connection_failure(&tunnel("tunnel error: unsuccessful"), &route(true));
        assert!(!refused.is_permanent());
        assert_eq!(
            refused.to_string(),
            "the proxy proxy.example:3128 refuses to connect to service.example:443; check the user name and password in https_proxy, and that the proxy allows this host"
        );
    }
}
