//! Why there is no connection: the one cause in an error's chain that a person can act on.

use std::error::Error;
use std::io;

use rustls::CertificateError;

use super::proxy::Proxy;
use super::transport::{CertificateProblem, TransportFailure};

/// Where a call was to go. Host and port alone: the URL carries the UserSig.
#[derive(Debug)]
pub(super) struct Route {
    /// The service's host name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// The proxy that leads there.
    pub proxy: Option<Proxy>,
}

/// The failure of a call for which there was no connection; `cause` is the error behind that of the HTTP client.
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
    if has_text(PROXY_WANTS_CREDENTIALS) {
        let Proxy { address, variable } = proxy.clone();
        return TransportFailure::ProxyAuthentication { proxy: address, variable };
    }
    let is_connected_to_proxy = !has_text(PROXY_OUT_OF_REACH);
    let peer = if is_connected_to_proxy {
        Peer { host: &route.host, address: &service, setting: "api.region or api.base_url" }
    } else {
        let host = proxy.address.rsplit_once(':').map_or(proxy.address.as_str(), |(host, _)| host);
        Peer { host, address: &proxy.address, setting: proxy.variable }
    };
    peer.permanent_failure(cause).unwrap_or_else(|| {
        if has_text(PROXY_REFUSES) {
            // The library keeps the proxy's status to itself: it may be of a wrong password, of a rule, or pass by itself.
            let Proxy { address, variable } = proxy;
            return TransportFailure::Connection(format!(
                "the proxy {address} refuses to connect to {service}; check the user name and password in {variable}, and that the proxy lets this host through"
            ));
        }
        let head = format!("cannot connect to {service} through the proxy {}", proxy.address);
        broken(head, cause)
    })
}

/// hyper-util's error about a tunnel is of a type that it keeps to itself.
const PROXY_WANTS_CREDENTIALS: &str = "proxy authorization required";
const PROXY_REFUSES: &str = "tunnel error: unsuccessful";
const PROXY_OUT_OF_REACH: &str = "failed to create underlying connection";

fn broken(head: String, cause: &(dyn Error + 'static)) -> TransportFailure {
    TransportFailure::Connection(format!("{head}: {}", texts(cause)))
}

/// The machine that a step of connecting was about.
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
        // A bad signature is what an authority with the name of a trusted one makes, such as a proxy's that was renewed.
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
        // A self-signed certificate, which is its own authority.
        CertificateError::Other(other) if other.to_string().contains("CaUsedAsEndEntity") => {
            CertificateProblem::UnknownIssuer
        }
        other => CertificateProblem::Other(other.to_string()),
    }
}

/// Whether the text is `EAI_NONAME`: DNS has answered, and there is no such host. The standard library keeps the code of
/// getaddrinfo to itself, so its text decides; of any other code, `EAI_AGAIN` above all, waiting is right.
fn is_unknown_host(text: &str) -> bool {
    const LOOKUP: &str = "failed to lookup address information: ";
    /// Of glibc, musl and macOS, none of which translates it unless the process asks for that.
    const NO_NAME: [&str; 3] = [
        "Name or service not known",
        "Name does not resolve",
        "nodename nor servname provided, or not known",
    ];
    text.split_once(LOOKUP).is_some_and(|(_, reason)| NO_NAME.contains(&reason))
}

/// An error and all behind it, the one that an I/O error is made of included.
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

    /// An error with one behind it, as the HTTP libraries wrap them.
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
    fn only_the_answer_that_there_is_no_such_host_is_permanent() {
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
    fn what_a_certificate_lacks_is_found_below_io_errors() {
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
        let wants_credentials = tunnel("tunnel error: proxy authorization required");
        assert_eq!(
            connection_failure(&wants_credentials, &route(true)),
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
            "the proxy proxy.example:3128 refuses to connect to service.example:443; check the user name and password in https_proxy, and that the proxy lets this host through"
        );
    }
}
