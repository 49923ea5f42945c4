//! The transport below the client library: it notes how requests end, so that one place decides about retries.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use http_body::Body;
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpRequest, HttpResponse, HttpResponseBody, HttpService,
};
use reqwest::{Method, StatusCode};

use super::attempt::{Attempt, RequestFailure, RequestFailureKind};
use super::connection_error::connection_failure;
use super::error_response::{embedded_error, error_response, root};
use super::health::Health;
use super::watched_body::WatchedBody;

/// The longest body of an error response that is read.
const MAX_ERROR_BYTES: usize = 64 * 1024;

/// A call of a service, as the client library wants it.
pub type ServiceCall<'a> =
    Pin<Box<dyn Future<Output = Result<HttpResponse, HttpError>> + Send + 'a>>;

/// Notes the end of every request of one bucket.
#[derive(Clone)]
pub struct Transport {
    network: Arc<dyn HttpService>,
    health: Arc<Health>,
    /// Host and port of the bucket. Requests to others are for credentials.
    authority: Arc<str>,
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transport").field("authority", &self.authority).finish_non_exhaustive()
    }
}

impl Transport {
    pub fn new(network: Arc<dyn HttpService>, health: Arc<Health>) -> Transport {
        Transport { network, health, authority: "".into() }
    }

    /// The same transport for the bucket at an authority.
    pub fn for_authority(self, authority: &str) -> Transport {
        Transport { authority: authority.into(), ..self }
    }

    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let attempt = Attempt::current().unwrap_or_default();
        attempt.note_request();
        self.health.note_request();
        let authority = request.uri().authority().map_or("", |authority| authority.as_str());
        let is_for_credentials = authority != &*self.authority;
        let host = request.uri().host().unwrap_or_default().to_owned();
        let note = {
            let attempt = attempt.clone();
            move |kind| {
                let host = host.clone();
                attempt.note_failure(RequestFailure { kind, host, is_for_credentials });
            }
        };
        let expected = ExpectedBody::of(&request);
        let response = match self.network.call(request).await {
            Ok(response) => response,
            Err(error) => {
                note(connection_failure(&error));
                return Err(error);
            }
        };
        let (mut parts, body) = response.into_parts();
        if parts.status.is_success() && expected == ExpectedBody::Any {
            let is_pending =
                parts.headers.get("x-ms-copy-status").is_some_and(|it| it == "pending");
            if is_pending {
                attempt.note_pending_copy();
            }
            let noted = move |error: &HttpError| note(connection_failure(error));
            return Ok(HttpResponse::from_parts(
                parts,
                HttpResponseBody::new(WatchedBody::new(body, noted)),
            ));
        }
        let limit = if parts.status.is_success() { usize::MAX } else { MAX_ERROR_BYTES };
        let content = match read(body, limit).await {
            Ok(content) => content,
            Err(error) => {
                note(connection_failure(&error));
                return Err(error);
            }
        };
        if !parts.status.is_success() {
            note(RequestFailureKind::Response(error_response(
                parts.status,
                &parts.headers,
                &content,
            )));
        } else if let Some((status, error)) = embedded_error(&parts.headers, &content) {
            note(RequestFailureKind::Response(error));
            parts.status = status;
        } else if !expected.is_met(&content) {
            note(RequestFailureKind::Connection(
                "the response is not one of an object store".to_owned(),
            ));
            parts.status = StatusCode::BAD_GATEWAY;
        }
        Ok(HttpResponse::from_parts(parts, content.into()))
    }
}

/// What the body of a success must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ExpectedBody {
    Any,
    /// The client library takes any other XML for an empty list, such as the page of a proxy.
    List,
    /// S3 responds to a copy, and to the completion of an upload, before it has done it.
    NoError,
}

impl ExpectedBody {
    fn of(request: &HttpRequest) -> ExpectedBody {
        let query = request.uri().query().unwrap_or_default();
        let headers = request.headers();
        let is_copy = ["x-amz-copy-source", "x-goog-copy-source"]
            .iter()
            .any(|name| headers.contains_key(*name));
        if query.contains("list-type=2") || query.contains("comp=list") {
            ExpectedBody::List
        } else if is_copy || request.method() == Method::POST {
            ExpectedBody::NoError
        } else {
            ExpectedBody::Any
        }
    }

    fn is_met(self, body: &[u8]) -> bool {
        let text = String::from_utf8_lossy(body);
        match self {
            ExpectedBody::Any => true,
            ExpectedBody::List => ["ListBucketResult", "EnumerationResults"].contains(&root(&text)),
            ExpectedBody::NoError => !root(&text).eq_ignore_ascii_case("html"),
        }
    }
}

async fn read(body: HttpResponseBody, limit: usize) -> Result<Bytes, HttpError> {
    let mut body = std::pin::pin!(body);
    let mut content = Vec::new();
    while let Some(frame) = std::future::poll_fn(|context| body.as_mut().poll_frame(context)).await
    {
        if let Ok(data) = frame?.into_data() {
            let length = data.len().min(limit - content.len());
            content.extend_from_slice(&data[..length]);
        }
        if content.len() >= limit {
            break;
        }
    }
    Ok(content.into())
}

impl HttpService for Transport {
    fn call<'life0, 'async_trait>(&'life0 self, request: HttpRequest) -> ServiceCall<'async_trait>
    where
        'life0: 'async_trait,
        Self: 'async_trait,
    {
        Box::pin(self.send(request))
    }
}

impl HttpConnector for Transport {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.clone()))
    }
}
