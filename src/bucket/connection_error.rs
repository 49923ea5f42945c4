//! Why a request got no response, in plain words.

use std::error::Error;

use object_store::client::{HttpError, HttpErrorKind};

use super::attempt::RequestFailureKind;
use super::response_text::sanitize;
use crate::util::connection_problem::connection_problem;

/// Why a request got no response, without its URL.
pub fn connection_failure(error: &HttpError) -> RequestFailureKind {
    let causes = || causes(error);
    for cause in causes() {
        if let Some(rustls::Error::InvalidCertificate(problem)) = cause.downcast_ref() {
            return RequestFailureKind::Untrusted(format!(
                "the certificate is not trusted: {problem}"
            ));
        }
    }
    let reason = causes().find_map(plain_problem).unwrap_or_else(|| match error.kind() {
        HttpErrorKind::Timeout => "no response in time".to_owned(),
        // The innermost error says most.
        _ => causes().last().map_or_else(String::new, |cause| sanitize(&cause.to_string())),
    });
    RequestFailureKind::Connection(match error.kind() {
        HttpErrorKind::Connect => format!("cannot connect: {reason}"),
        _ => reason,
    })
}

/// An error and what it is based on.
fn causes<'e>(error: &'e (dyn Error + 'static)) -> impl Iterator<Item = &'e (dyn Error + 'static)> {
    std::iter::successors(Some(error), |cause| (*cause).source())
}

fn plain_problem(cause: &(dyn Error + 'static)) -> Option<String> {
    if let Some(error) = cause.downcast_ref::<rustls::Error>() {
        return Some(match error {
            // What a server without TLS sends instead.
            rustls::Error::InvalidMessage(_) => "it does not use TLS on this port".to_owned(),
            other => format!("TLS failed: {other}"),
        });
    }
    if cause.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_incomplete_message) {
        return Some("connection closed".to_owned());
    }
    let text = cause.to_string();
    if let Some((_, reason)) = text.split_once("failed to lookup address information: ") {
        return Some(format!("the host name could not be looked up ({})", sanitize(reason)));
    }
    connection_problem(cause).map(str::to_owned)
}
