//! One call: a signed request out, the raw body of its response back.
//!
//! One keep-alive client for the whole run, HTTP/2 where the server offers it, gzip accepted, no redirects. The URL carries
//! the UserSig, so it never appears in an error or a log.
//!
//! A call puts at most one request on the wire. reqwest's own retries, of requests that an HTTP/2 server refuses, are off: they
//! would be neither paced nor counted. hyper-util below it cannot be configured, but it only moves a request to another
//! connection while hyper still hands the request back whole, of which nothing was written.

use std::error::Error;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use jiff::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::header::{CONTENT_TYPE, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Body, ClientBuilder, Url, retry};
use tokio::time::{Instant, timeout_at};

use super::connect_error::{Route, connection_failure, texts};
use super::endpoint::Endpoint;
use super::headers;
use super::outcome::CallFailure;
use super::outgoing_body::OutgoingBody;
use super::proxy::{Proxies, ProxyError};
use super::response::PORTRAIT_GET_PATH;
use super::response_body::{BodyBudget, BodyShare, ResponseBody};
use super::signer::{SigGeneration, Signer};
use super::transport::TransportFailure;
use super::usersig::UserSig;
use crate::util::exit_code::{ExitCode, HasExitCode};

/// Largest body that is read. The worst legitimate one, 100 accounts × 32 fields × 500 bytes with every byte
/// escaped, stays below 10 MiB.
const BODY_CAP_BYTES: usize = 16 * 1024 * 1024;

/// Most that is reserved before it has come; bodies are seldom larger.
const BODY_RESERVED_BYTES: usize = 256 * 1024;

/// Least that is expected of the next piece of a body.
const PIECE_BYTES: usize = 16 * 1024;

/// How long a connection may take to come about, within the timeout of the call.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// Everything but the characters that need no escape in a URL (RFC 3986 section 2.3) and the three of a UserSig.
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

/// What all calls of a client have in common, besides where they go and how they are signed.
#[derive(Debug, Clone, Copy)]
pub struct ClientSettings<'s> {
    /// The app.
    pub sdkappid: u64,
    /// The administrator.
    pub identifier: &'s str,
    /// Bounds a whole call, connecting and body included, but not the time its body waits for memory.
    pub timeout: Duration,
    /// Calls that may be in flight at once; decides how much an HTTP/2 server may send ahead for each.
    pub max_in_flight: usize,
}

/// The URL of a call but for its `random`, kept while host and UserSig are the same: a parsed one is cheap to copy.
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
    /// The body, or how the call failed on its way.
    pub body: Result<ResponseBody, CallFailure>,
    /// The UserSig it was made with.
    pub sig_generation: SigGeneration,
    /// `Retry-After` of the response, whatever its status.
    pub retry_after: Option<Duration>,
    /// `Date` of the response: the service's clock in whole seconds.
    pub server_time: Option<Timestamp>,
}

/// Why a client could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum ClientSetupError {
    /// A proxy variable of the environment cannot be used.
    #[error(transparent)]
    Proxy(#[from] ProxyError),
    /// The HTTPS client refused, e.g. for want of certificates.
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
    /// A client; it connects when the first call is made.
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
        // Without TLS no certificates of the system are wanted: the sample runs where there are none.
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

    /// The signer, to sign anew when the service asks for it.
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
        CallResult {
            sig_generation,
            retry_after: headers::retry_after(response.headers(), Timestamp::now()),
            server_time: headers::date(response.headers()),
            body: self.read(response, deadline).await,
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
        let mut kept = self.call_url.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(kept) = &*kept
            && kept.uses_backup == uses_backup
            && kept.sig_generation == sig_generation
        {
            return Ok(kept.clone());
        }
        let base_url = self.base_url(uses_backup);
        let query_prefix = &self.query_prefix;
        let sig = utf8_percent_encode(sig.as_str(), QUERY_VALUE);
        let text = format!("{base_url}/{PORTRAIT_GET_PATH}?{query_prefix}{sig}&contenttype=json");
        let url = Url::parse(&text).map_err(|error| {
            TransportFailure::Connection(format!("{base_url} is not a URL: {error}"))
        })?;
        Ok(kept.insert(CallUrl { url, uses_backup, sig_generation }).clone())
    }

    async fn post(&self, url: Url, request: Body) -> Result<reqwest::Response, reqwest::Error> {
        const JSON: HeaderValue = HeaderValue::from_static("application/json");
        self.http.post(url).header(CONTENT_TYPE, JSON).body(request).send().await
    }

    async fn read(
        &self,
        mut response: reqwest::Response,
        mut deadline: Instant,
    ) -> Result<ResponseBody, CallFailure> {
        let status = response.status();
        if !status.is_success() {
            return Err(TransportFailure::Status(status.as_u16()).into());
        }
        let mut share = BodyShare::default();
        // As the server says it, so untrusted; of gzip it says nothing.
        let expected_bytes = bytes_to_come(&response).unwrap_or(0);
        let Some(first) = self.next_piece(&mut response, deadline).await? else {
            return Ok(ResponseBody::new(Bytes::new(), share));
        };
        let mut wanted_bytes = first.len() + next_piece_bytes(&response, first.len());
        self.wait_for_memory(&mut share, wanted_bytes, &mut deadline).await;
        let mut next = self.next_piece(&mut response, deadline).await?;
        if next.is_none() {
            return Ok(ResponseBody::new(first, share));
        }
        let mut body = BytesMut::with_capacity(expected_bytes.min(BODY_RESERVED_BYTES));
        body.extend_from_slice(&first);
        while let Some(piece) = next {
            if body.len() + piece.len() > BODY_CAP_BYTES {
                return Err(TransportFailure::TooLarge(BODY_CAP_BYTES).into());
            }
            body.extend_from_slice(&piece);
            wanted_bytes = body.len() + next_piece_bytes(&response, piece.len());
            self.wait_for_memory(&mut share, wanted_bytes, &mut deadline).await;
            if BodyBudget::has_token(&share) {
                // At once, since growing by doubling needs the old and the new place. Untouched memory costs nothing.
                let rest = bytes_to_come(&response).unwrap_or(BODY_CAP_BYTES);
                body.reserve(rest.min(BODY_CAP_BYTES - body.len()));
            }
            next = self.next_piece(&mut response, deadline).await?;
        }
        Ok(ResponseBody::new(body.freeze(), share))
    }

    async fn next_piece(
        &self,
        response: &mut reqwest::Response,
        deadline: Instant,
    ) -> Result<Option<Bytes>, CallFailure> {
        match timeout_at(deadline, response.chunk()).await {
            Ok(piece) => piece.map_err(|error| broken_connection(error).into()),
            Err(_) => Err(TransportFailure::Timeout(self.timeout).into()),
        }
    }

    /// Waits until a body may take so many bytes. The call is not to fail because others are read first, so its deadline
    /// moves by as much.
    async fn wait_for_memory(&self, share: &mut BodyShare, bytes: usize, deadline: &mut Instant) {
        let bytes = bytes.min(BODY_CAP_BYTES);
        if BodyBudget::has_granted(share, bytes) {
            return;
        }
        let started = Instant::now();
        self.body_budget.grow(share, bytes).await;
        *deadline += started.elapsed();
    }

    /// Why there is no response; turns to the other host where there is one.
    fn send_failure(&self, error: reqwest::Error, uses_backup: bool) -> TransportFailure {
        if !error.is_connect() {
            return broken_connection(error);
        }
        if self.endpoint.backup_base_url.is_some() {
            // Only the call that saw this host fail turns away from it, so that many failing calls do not
            // swing back and forth.
            let _ = self.use_backup.compare_exchange(
                uses_backup,
                !uses_backup,
                Ordering::Relaxed,
                Ordering::Relaxed,
            );
        }
        // The HTTP client's two errors around the cause say no more than that.
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
            proxy: self.proxies.as_ref().and_then(|proxies| proxies.proxy_of(base_url)),
        }
    }
}

/// Bounds what an HTTP/2 server may send before the body is read. The window of a connection has room for the windows of all
/// streams on it: bodies that wait for memory leave theirs full, and must not keep others from coming.
fn with_windows(builder: ClientBuilder, max_in_flight: usize) -> ClientBuilder {
    /// Of all streams together, where that leaves each one at least [`LEAST_STREAM_BYTES`].
    const ALL_STREAMS_BYTES: usize = 16 * 1024 * 1024;
    /// A usual response in one round trip.
    const MOST_STREAM_BYTES: usize = 256 * 1024;
    /// The window that HTTP/2 starts with (RFC 9113 section 6.9.2).
    const LEAST_STREAM_BYTES: usize = 65_535;
    let streams = max_in_flight.max(1);
    let stream_bytes = (ALL_STREAMS_BYTES / streams).clamp(LEAST_STREAM_BYTES, MOST_STREAM_BYTES);
    let window = |bytes: usize| u32::try_from(bytes).unwrap_or(u32::MAX).min(i32::MAX as u32);
    builder
        .http2_initial_stream_window_size(window(stream_bytes))
        .http2_initial_connection_window_size(window(stream_bytes * streams))
}

/// Bytes of the body that have not been read, as the server says it.
fn bytes_to_come(response: &reqwest::Response) -> Option<usize> {
    response.content_length().map(|bytes| usize::try_from(bytes).unwrap_or(usize::MAX))
}

/// How much comes with the next piece of a body, which is expected to be like the last one: the HTTP library has read another
/// one behind it by then.
fn next_piece_bytes(response: &reqwest::Response, last_bytes: usize) -> usize {
    let pieces = last_bytes.max(PIECE_BYTES).saturating_mul(2);
    pieces.min(bytes_to_come(response).unwrap_or(usize::MAX))
}

fn broken_connection(error: reqwest::Error) -> TransportFailure {
    TransportFailure::Connection(texts(&error.without_url()))
}

#[cfg(test)]
mod tests;
