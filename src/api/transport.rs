//! Failures of a call without a usable response.

use std::fmt;
use std::time::Duration;

use super::error_codes::Class;
use crate::util::human::duration_text;

/// How a call failed without a usable response. No message contains the URL, which contains the UserSig, or the credentials
/// of a proxy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TransportFailure {
    /// No connection, or it was lost.
    #[error("{0}")]
    Connection(String),
    /// The proxy requires other credentials (407).
    #[error(
        "the proxy {proxy} requires a valid user name and password (407 Proxy Authentication Required); set them in \
         {variable}, as in http://USER:PASSWORD@{proxy} with special characters percent-encoded"
    )]
    ProxyAuthentication {
        /// Host and port of the proxy.
        proxy: String,
        /// The environment variable that names the proxy.
        variable: &'static str,
    },
    /// The certificate of the service, or of a proxy, is not trusted.
    #[error("the certificate of {host} {problem}")]
    Certificate {
        /// Host and port whose certificate it is.
        host: String,
        problem: CertificateProblem,
    },
    /// DNS reports that the host does not exist.
    #[error("host name not found: {host}; check {setting}, and the DNS settings of this machine")]
    UnknownHost {
        /// The name, without a port.
        host: String,
        /// The job keys or the environment variable that the name is from.
        setting: &'static str,
    },
    /// No response within the job's `timeout`.
    #[error("no response within {}", duration_text(.0.as_secs_f64()))]
    Timeout(Duration),
    /// An unsuccessful HTTP status.
    #[error("HTTP status {0}")]
    Status(u16),
    #[error("the response is not JSON")]
    NotJson,
    /// The size limit in bytes.
    #[error("the response is larger than {} MiB", .0 / (1024 * 1024))]
    TooLarge(usize),
}

/// Why a certificate is not trusted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CertificateProblem {
    /// It is not signed by a trusted authority.
    UnknownIssuer,
    /// By this machine's clock.
    Expired,
    /// By this machine's clock.
    NotYetValid,
    /// It is for another host.
    WrongName,
    /// Anything else, in the words of the TLS library.
    Other(String),
}

impl fmt::Display for CertificateProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            CertificateProblem::UnknownIssuer => {
                "is signed by an authority that this machine does not trust; if a company proxy inspects TLS or the \
                 authority is a private one, set SSL_CERT_FILE to a PEM file that also holds its certificate"
            }
            CertificateProblem::Expired => "has expired; renew it, or correct this machine's clock",
            CertificateProblem::NotYetValid => {
                "is not valid yet; correct this machine's clock, or wait until it is valid"
            }
            CertificateProblem::WrongName => {
                "is for another host name; check api.base_url, and proxies or gateways on the way"
            }
            CertificateProblem::Other(problem) => {
                return write!(
                    f,
                    "cannot be verified ({problem}); check the service's certificate, and proxies or gateways on the way"
                );
            }
        })
    }
}

impl TransportFailure {
    /// What the failure means to the run.
    pub fn class(&self) -> Class {
        match self {
            TransportFailure::Connection(_)
            | TransportFailure::ProxyAuthentication { .. }
            | TransportFailure::Certificate { .. }
            | TransportFailure::UnknownHost { .. }
            | TransportFailure::Timeout(_)
            | TransportFailure::NotJson
            | TransportFailure::Status(408 | 425 | 500..=599) => Class::Retry,
            TransportFailure::Status(429) => Class::Throttle,
            TransportFailure::Status(_) => Class::Fatal,
            TransportFailure::TooLarge(_) => Class::BadBatch,
        }
    }

    /// Whether a server responded, be it the service or another one on the way.
    pub fn has_response(&self) -> bool {
        matches!(
            self,
            TransportFailure::Status(_) | TransportFailure::NotJson | TransportFailure::TooLarge(_)
        )
    }

    /// Whether waiting does not help and a person has to change a setting. A run that has had responses may still wait,
    /// since certificates are renewed and DNS entries restored.
    pub fn is_permanent(&self) -> bool {
        matches!(
            self,
            TransportFailure::ProxyAuthentication { .. }
                | TransportFailure::Certificate { .. }
                | TransportFailure::UnknownHost { .. }
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn permanent_failures() -> [TransportFailure; 3] {
        [
            TransportFailure::ProxyAuthentication {
                proxy: "proxy.example:3128".to_owned(),
                variable: "https_proxy",
            },
            TransportFailure::Certificate {
                host: "a.example:443".to_owned(),
                problem: CertificateProblem::UnknownIssuer,
            },
            TransportFailure::UnknownHost { host: "a.example".to_owned(), setting: "api.base_url" },
        ]
    }

    #[test]
    fn transport_failures_have_the_class_of_the_reference() {
        let status = |code| TransportFailure::Status(code).class();
        for code in [408, 425, 500, 502, 503, 504] {
            assert_eq!(status(code), Class::Retry, "{code}");
        }
        for code in [301, 302, 400, 401, 403, 404, 413] {
            assert_eq!(status(code), Class::Fatal, "{code}");
        }
        assert_eq!(status(429), Class::Throttle);
        assert_eq!(TransportFailure::NotJson.class(), Class::Retry);
        assert_eq!(TransportFailure::TooLarge(1).class(), Class::BadBatch);
        assert_eq!(TransportFailure::Timeout(Duration::from_secs(1)).class(), Class::Retry);
        for failure in permanent_failures() {
            assert_eq!(failure.class(), Class::Retry, "{failure}");
        }
    }

    #[test]
    fn failures_that_a_person_must_fix_are_permanent() {
        for failure in permanent_failures() {
            assert!(failure.is_permanent(), "{failure}");
        }
        for failure in [
            TransportFailure::Connection("connection refused".to_owned()),
            TransportFailure::Timeout(Duration::from_secs(1)),
            TransportFailure::Status(502),
            TransportFailure::NotJson,
            TransportFailure::TooLarge(1),
        ] {
            assert!(!failure.is_permanent(), "{failure}");
        }
    }

    #[test]
    fn permanent_failures_include_a_remedy() {
        let texts = permanent_failures().map(|failure| failure.to_string());
        for (text, fix) in texts.iter().zip(["https_proxy", "SSL_CERT_FILE", "api.base_url"]) {
            assert!(text.contains(fix), "{text}");
        }
        let problems = [
            (CertificateProblem::Expired, "clock"),
            (CertificateProblem::NotYetValid, "clock"),
            (CertificateProblem::WrongName, "api.base_url"),
            (CertificateProblem::Other("BadEncoding".to_owned()), "BadEncoding"),
        ];
        for (problem, fix) in problems {
            assert!(problem.to_string().contains(fix), "{problem}");
        }
    }
}
