//! Why a connection failed: finds the cause in an error chain that a person can act on.

use std::error::Error;
use std::io;

use rustls::CertificateError;

use super::proxy::Proxy;
use super::transport::{CertificateProblem, TransportFailure};

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
    TransportFailure::Connection(format!("{head}: {}", texts(cause)))
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
    const LOOKUP: &str = "failed to lookup address information: ";
    /// Of glibc, musl and macOS, which translate it only if the process sets a locale.
    const NO_NAME: [&str; 3] = [
        "Name or service not known",
        "Name does not resolve",
        "nodename nor servname provided, or not known",
    ];
    text.split_once(LOOKUP).is_some_and(|(_, reason)| NO_NAME.contains(&reason))
}

/// An error and its sources, including the one wrapped in an I/O error.
fn causes<'e>(error: &'e (dyn Error + 'static)) -> impl Iterator<Item = &'e (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| {
        let inner = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        inner.map(|inner| inner as &(dyn Error + 'static)).or_else(|| error.source())
    })
}

/// The texts of an error and its sources, each once.
pub(super) fn texts(error: &(dyn Error + 'static)) -> String {
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
            assert!(failure.to_string().contains("service.example"), "{failure}");
        }
        let unknown = connection_failure(&lookup_error("Name does not resolve"), &route(false));
        assert!(
            unknown.to_string().starts_with("host name not found: service.example; check api.")
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
