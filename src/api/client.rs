//! One call: sends a signed request and returns the body of its response.
//!
//! One keep-alive client for the whole run: HTTP/2 if the server offers it, gzip, no redirects. The URL contains the UserSig,
//! so it never appears in an error or a log.
//!
//! A call puts at most one request on the wire. reqwest's own retries of requests that an HTTP/2 server refuses are off: they
//! would bypass the rate limiter. hyper-util below it cannot be configured, but moves a request to another connection only
//! while hyper returns the request unwritten.

mod body;

use std::error::Error;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::header::{CONTENT_TYPE, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Body, ClientBuilder, Url, retry};
use tokio::time::{Instant, timeout_at};

use self::body::BodyReader;
use super::connect_error::{Route, connection_failure, lost_connection};
use super::endpoint::Endpoint;
use super::headers;
use super::outcome::CallFailure;
use super::outgoing_body::OutgoingBody;
use super::proxy::{Proxies, ProxyError};
use super::response::PORTRAIT_GET_PATH;
use super::response_body::{BodyBudget, ResponseBody};
use super::signer::{SigGeneration, Signer};
use super::transport::TransportFailure;
use super::usersig::UserSig;
use crate::util::exit_code::{ExitCode, HasExitCode};

/// Time to establish a connection, within the timeout of the call.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// All characters except those that need no escape in a URL (RFC 3986 section 2.3), which include those of a UserSig.
const QUERY_VALUE: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'*');

/// Makes calls to one endpoint for one administrator of one app.
#[derive(Debug)]
pub struct Client {
    http: reqwest::Client,
    endpoint: Endpoint,
    proxies: Option<Proxies>,
    use_backup: AtomicBool,
    signer: Signer,
    /// The query up to the UserSig.
    query_prefix: String,
    call_url: Mutex<Option<CallUrl>>,
    timeout: Duration,
    body_budget: BodyBudget,
}

/// What all calls of a client have in common, except endpoint and signature.
#[derive(Debug, Clone, Copy)]
pub struct ClientSettings<'s> {
    pub sdkappid: u64,
    pub identifier: &'s str,
    /// Timeout of a whole call, including connecting and the body, but not the time that its body waits for memory.
    pub timeout: Duration,
    /// Most calls in flight at once; determines the HTTP/2 windows.
    pub max_in_flight: usize,
}

/// The URL of a call without its `random`, cached while host and UserSig are the same: a parsed one is cheap to copy.
#[derive(Clone)]
struct CallUrl {
    url: Url,
    uses_backup: bool,
    sig_generation: SigGeneration,
}

/// Without the URL, which carries the UserSig.
impl fmt::Debug for CallUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallUrl")
            .field("sig_generation", &self.sig_generation)
            .finish_non_exhaustive()
    }
}

/// The result of one call.
#[derive(Debug)]
pub struct CallResult {
    /// The body, or how the call failed without one.
    pub body: Result<ResponseBody, CallFailure>,
    /// The UserSig that signed it.
    pub sig_generation: SigGeneration,
    /// `Retry-After` of the response, whatever its status.
    pub retry_after: Option<Duration>,
    /// `Date` of the response: the service's clock in whole seconds.
    pub server_time: Option<Timestamp>,
}

/// Why a client cannot be created.
#[derive(Debug, thiserror::Error)]
pub enum ClientSetupError {
    #[error(transparent)]
    Proxy(#[from] ProxyError),
    /// For example without any certificates.
    #[error(
        "the HTTPS client could not be set up; check the system's certificates, or SSL_CERT_FILE"
    )]
    Https(#[source] reqwest::Error),
}

impl HasExitCode for ClientSetupError {
    fn exit_code(&self) -> ExitCode {
        match self {
            ClientSetupError::Proxy(error) => error.exit_code(),
            ClientSetupError::Https(_) => ExitCode::InternalOrDisk,
        }
    }
}

impl Client {
    /// Connects when the first call is made.
    pub fn new(
        endpoint: Endpoint,
        signer: Signer,
        settings: ClientSettings<'_>,
    ) -> Result<Client, ClientSetupError> {
        let ClientSettings { sdkappid, identifier, timeout, max_in_flight } = settings;
        let proxies = Proxies::from_environment(&endpoint)?;
        let builder = reqwest::Client::builder()
            .user_agent(concat!("im-profiles/", env!("CARGO_PKG_VERSION")))
            .redirect(Policy::none())
            .retry(retry::never())
            .referer(false)
            .tcp_nodelay(true)
            .connect_timeout(CONNECT_TIMEOUT.min(timeout))
            .https_only(!endpoint.is_loopback());
        let builder = with_windows(builder, max_in_flight);
        let builder = if proxies.is_none() { builder.no_proxy() } else { builder };
        // Without TLS, the certificates of the system are not needed: the sample also runs where there are none.
        let needs_tls = endpoint.base_url.starts_with("https:");
        let builder = if needs_tls { builder } else { builder.tls_certs_only([]) };
        let identifier = utf8_percent_encode(identifier, QUERY_VALUE);
        Ok(Client {
            http: builder.build().map_err(ClientSetupError::Https)?,
            endpoint,
            proxies,
            use_backup: AtomicBool::new(false),
            signer,
            query_prefix: format!("sdkappid={sdkappid}&identifier={identifier}&usersig="),
            call_url: Mutex::new(None),
            timeout,
            body_budget: BodyBudget::default(),
        })
    }

    /// For renewing the UserSig when the service refuses it.
    pub fn signer(&self) -> &Signer {
        &self.signer
    }

    /// Makes one call of `portrait_get`. `random` identifies the request to the service and is fresh for each;
    /// `departure` is dropped when the request has been written to its connection.
    pub async fn fetch(
        &self,
        request: String,
        random: u32,
        departure: impl Send + 'static,
    ) -> CallResult {
        let (sig, sig_generation) = self.signer.sig();
        let failed = |failure: TransportFailure| CallResult {
            body: Err(failure.into()),
            sig_generation,
            retry_after: None,
            server_time: None,
        };
        let CallUrl { mut url, uses_backup, .. } = match self.call_url(&sig, sig_generation) {
            Ok(call_url) => call_url,
            Err(failure) => return failed(failure),
        };
        url.query_pairs_mut().append_pair("random", &random.to_string());
        let request = Body::wrap(OutgoingBody::new(request, departure));
        let deadline = Instant::now() + self.timeout;
        let response = match timeout_at(deadline, self.post(url, request)).await {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => return failed(self.send_failure(error, uses_backup)),
            Err(_) => return failed(TransportFailure::Timeout(self.timeout)),
        };
        let retry_after = headers::retry_after(response.headers(), Timestamp::now());
        let server_time = headers::date(response.headers());
        let (budget, timeout) = (&self.body_budget, self.timeout);
        let body = BodyReader { response, budget, timeout, deadline }.read().await;
        CallResult {
            body: body.map_err(CallFailure::from),
            sig_generation,
            retry_after,
            server_time,
        }
    }

    fn base_url(&self, backup: bool) -> &str {
        match &self.endpoint.backup_base_url {
            Some(base_url) if backup => base_url,
            _ => &self.endpoint.base_url,
        }
    }

    fn call_url(
        &self,
        sig: &UserSig,
        sig_generation: SigGeneration,
    ) -> Result<CallUrl, TransportFailure> {
        let uses_backup = self.use_backup.load(Ordering::Relaxed);
        // Nothing panics while the lock is held.
        let mut cached = self.call_url.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(cached) = &*cached
            && cached.uses_backup == uses_backup
            && cached.sig_generation == sig_generation
        {
            return Ok(cached.clone());
        }
        let base_url = self.base_url(uses_backup);
        let query_prefix = &self.query_prefix;
        let sig = utf8_percent_encode(sig.as_str(), QUERY_VALUE);
        let text = format!("{base_url}/{PORTRAIT_GET_PATH}?{query_prefix}{sig}&contenttype=json");
        let url = Url::parse(&text).map_err(|error| {
            TransportFailure::Connection(format!("{base_url} is not a URL: {error}"))
        })?;
        Ok(cached.insert(CallUrl { url, uses_backup, sig_generation }).clone())
    }

    async fn post(&self, url: Url, request: Body) -> Result<reqwest::Response, reqwest::Error> {
        const JSON: HeaderValue = HeaderValue::from_static("application/json");
        self.http.post(url).header(CONTENT_TYPE, JSON).body(request).send().await
    }

    /// Why the call got no response; switches to the other host if there is one.
    fn send_failure(&self, error: reqwest::Error, uses_backup: bool) -> TransportFailure {
        if !error.is_connect() {
            return broken_connection(error);
        }
        if self.endpoint.backup_base_url.is_some() {
            // Only a call that failed on this host switches away from it, so that many failing calls do not switch back and
            // forth.
            let _ = self.use_backup.compare_exchange(
                uses_backup,
                !uses_backup,
                Ordering::Relaxed,
                Ordering::Relaxed,
            );
        }
        // The HTTP client wraps the cause in two errors that add nothing.
        let cause = error.source().and_then(|around| around.source().or(Some(around)));
        let route = self.route(uses_backup);
        match cause {
            Some(cause) => connection_failure(cause, &route),
            None => connection_failure(&error.without_url(), &route),
        }
    }

    fn route(&self, uses_backup: bool) -> Route {
        let base_url = self.base_url(uses_backup);
        let url = Url::parse(base_url).ok();
        let host = url.as_ref().and_then(Url::host_str).unwrap_or(base_url);
        Route {
            host: host.to_owned(),
            port: url.as_ref().and_then(Url::port_or_known_default).unwrap_or(443),
            proxy: self.proxies.as_ref().and_then(|proxies| proxies.proxy_for(base_url)),
        }
    }
}

/// Bounds what an HTTP/2 server may send before the body is read. The window of a connection has room for the windows of all
/// its streams: those of bodies that wait for memory stay full and must not block others.
fn with_windows(builder: ClientBuilder, max_in_flight: usize) -> ClientBuilder {
    /// For all streams together, if each one gets at least [`MIN_STREAM_BYTES`].
    const ALL_STREAMS_BYTES: usize = 16 * 1024 * 1024;
    /// A usual response in one round trip.
    const MAX_STREAM_BYTES: usize = 256 * 1024;
    /// The initial window of HTTP/2 (RFC 9113 section 6.9.2).
    const MIN_STREAM_BYTES: usize = 65_535;
    let streams = max_in_flight.max(1);
    let stream_bytes = (ALL_STREAMS_BYTES / streams).clamp(MIN_STREAM_BYTES, MAX_STREAM_BYTES);
    let window = |bytes: usize| u32::try_from(bytes).unwrap_or(u32::MAX).min(i32::MAX as u32);
    builder
        .http2_initial_stream_window_size(window(stream_bytes))
        .http2_initial_connection_window_size(window(stream_bytes * streams))
}

fn broken_connection(error: reqwest::Error) -> TransportFailure {
    lost_connection(&error.without_url())
}

#[cfg(test)]
mod allocations;
#[cfg(test)]
mod tests;
