//! The HTTP clients that make the requests.

use std::pin::pin;
use std::time::Duration;

use object_store::client::{
    HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpResponseBody, HttpService,
};
use reqwest::redirect::Policy;
use reqwest::{ClientBuilder, Url, retry};

use super::endpoint::is_loopback;
use super::progress::{SendProgress, TimedBody, WatchedRequest};
use super::transport::ServiceCall;

/// Time limits of a request; there is none for the whole, since objects may be large and networks slow.
#[derive(Debug, Clone, Copy)]
pub struct Timeouts {
    pub connect: Duration,
    /// Without a byte in either direction.
    pub inactivity: Duration,
}

impl Default for Timeouts {
    fn default() -> Timeouts {
        Timeouts { connect: Duration::from_secs(5), inactivity: Duration::from_secs(30) }
    }
}

/// The clients of one bucket.
#[derive(Debug)]
pub struct StoreNetwork {
    store: reqwest::Client,
    /// For this machine and its metadata service: never through a proxy, and where there is none, nothing responds.
    direct: reqwest::Client,
    timeouts: Timeouts,
}

impl StoreNetwork {
    pub fn new(timeouts: Timeouts) -> reqwest::Result<StoreNetwork> {
        let store = builder(timeouts.connect).build()?;
        let connect = timeouts.connect.min(Duration::from_secs(1));
        let direct = builder(connect).no_proxy().build()?;
        Ok(StoreNetwork { store, direct, timeouts })
    }

    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let is_near =
            request.uri().host().is_some_and(|host| is_metadata_host(host) || is_loopback(host));
        let client = if is_near { &self.direct } else { &self.store };
        let (parts, body) = request.into_parts();
        let url = Url::parse(&parts.uri.to_string())
            .map_err(|error| HttpError::new(HttpErrorKind::Unknown, error))?;
        let progress = SendProgress::default();
        let mut request = reqwest::Request::new(parts.method, url);
        *request.headers_mut() = parts.headers;
        if body.content_length() > 0 {
            *request.body_mut() = Some(reqwest::Body::wrap(WatchedRequest::new(body, &progress)));
        }
        let sent = client.execute(request);
        let response = progress.watch(self.timeouts.inactivity, pin!(sent)).await?;
        let response = response.map_err(without_url)?;
        let (parts, body) = axum::http::Response::<reqwest::Body>::from(response).into_parts();
        let body = TimedBody::new(body, self.timeouts.inactivity);
        Ok(HttpResponse::from_parts(parts, HttpResponseBody::new(body)))
    }
}

/// Without compression, which would hide the length of an object, and without redirects, which a signature does not survive.
fn builder(connect: Duration) -> ClientBuilder {
    reqwest::Client::builder()
        .user_agent(concat!("im-profiles/", env!("CARGO_PKG_VERSION")))
        .redirect(Policy::none())
        .retry(retry::never())
        .referer(false)
        .no_gzip()
        .tcp_nodelay(true)
        .connect_timeout(connect)
}

/// Whether a host serves the credentials of the machine: link-local addresses, and the name on Google Cloud.
fn is_metadata_host(host: &str) -> bool {
    host.starts_with("169.254.") || host.starts_with("[fd00:") || host == "metadata.google.internal"
}

/// An error of the HTTP client, without the URL, whose query may hold a token.
pub fn without_url(error: reqwest::Error) -> HttpError {
    let kind = match &error {
        error if error.is_timeout() => HttpErrorKind::Timeout,
        error if error.is_connect() => HttpErrorKind::Connect,
        _ => HttpErrorKind::Interrupted,
    };
    HttpError::new(kind, error.without_url())
}

impl HttpService for StoreNetwork {
    fn call<'life0, 'async_trait>(&'life0 self, request: HttpRequest) -> ServiceCall<'async_trait>
    where
        'life0: 'async_trait,
        Self: 'async_trait,
    {
        Box::pin(self.send(request))
    }
}
