//! One call: a signed request out, the raw body of its answer back.
//!
//! One keep-alive client for the whole run, HTTP/2 where the server offers it, gzip accepted, no redirects. The URL carries
//! the UserSig, so it never appears in an error or a log.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use reqwest::redirect::Policy;

use super::endpoint::Endpoint;
use super::outcome::{CallFailure, TransportFailure};
use super::signer::{SigGeneration, Signer};
use super::wire::PORTRAIT_GET_PATH;

/// Largest answer that is read. The worst legitimate one, 100 accounts × 32 fields × 500 bytes with every byte
/// escaped, stays below 10 MiB.
const BODY_CAP_BYTES: usize = 16 * 1024 * 1024;

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
    use_backup: AtomicBool,
    signer: Signer,
    /// The query up to the UserSig.
    query_head: String,
    timeout: Duration,
}

/// What came back of a call.
#[derive(Debug)]
pub struct Reply {
    /// The body, or how the call failed on its way.
    pub body: Result<Bytes, CallFailure>,
    /// The UserSig it was made with.
    pub sig_generation: SigGeneration,
}

/// The client could not be set up, e.g. for want of certificates.
#[derive(Debug, thiserror::Error)]
#[error("the HTTPS client could not be set up; check the system's certificates and proxy settings")]
pub struct ClientSetupError(#[source] reqwest::Error);

impl Client {
    /// A client; `timeout` bounds a whole call, connecting and body included.
    pub fn new(
        endpoint: Endpoint,
        signer: Signer,
        sdkappid: u64,
        identifier: &str,
        timeout: Duration,
    ) -> Result<Client, ClientSetupError> {
        let builder = reqwest::Client::builder()
            .user_agent(concat!("im-profiles/", env!("CARGO_PKG_VERSION")))
            .redirect(Policy::none())
            .referer(false)
            .tcp_nodelay(true)
            .connect_timeout(CONNECT_TIMEOUT.min(timeout))
            .timeout(timeout)
            .https_only(!endpoint.is_loopback());
        // A proxy cannot reach this machine's own loopback.
        let builder = if endpoint.is_loopback() { builder.no_proxy() } else { builder };
        let identifier = utf8_percent_encode(identifier, QUERY_VALUE);
        Ok(Client {
            http: builder.build().map_err(ClientSetupError)?,
            endpoint,
            use_backup: AtomicBool::new(false),
            signer,
            query_head: format!("sdkappid={sdkappid}&identifier={identifier}&usersig="),
            timeout,
        })
    }

    /// The signer, to sign anew when the service asks for it.
    pub fn signer(&self) -> &Signer {
        &self.signer
    }

    /// Makes one call of `portrait_get`. `random` identifies the request to the service and is fresh for each.
    pub async fn portrait_get(&self, request: String, random: u32) -> Reply {
        let (sig, sig_generation) = self.signer.sig();
        let used_backup = self.use_backup.load(Ordering::Relaxed);
        let base_url = match &self.endpoint.backup_base_url {
            Some(backup) if used_backup => backup,
            _ => &self.endpoint.base_url,
        };
        let sig = utf8_percent_encode(sig.as_str(), QUERY_VALUE);
        let query_head = &self.query_head;
        let url = format!(
            "{base_url}/{PORTRAIT_GET_PATH}?{query_head}{sig}&random={random}&contenttype=json"
        );
        let body = match self.post(url, request).await {
            Ok(response) => self.read(response).await,
            Err(error) => {
                if error.is_connect() && self.endpoint.backup_base_url.is_some() {
                    // Only the call that saw this host fail turns away from it, so that many failing calls do not
                    // swing back and forth.
                    let _ = self.use_backup.compare_exchange(
                        used_backup,
                        !used_backup,
                        Ordering::Relaxed,
                        Ordering::Relaxed,
                    );
                }
                Err(self.transport_failure(error).into())
            }
        };
        Reply { body, sig_generation }
    }

    async fn post(
        &self,
        url: String,
        request: String,
    ) -> Result<reqwest::Response, reqwest::Error> {
        const JSON: HeaderValue = HeaderValue::from_static("application/json");
        self.http.post(url).header(CONTENT_TYPE, JSON).body(request).send().await
    }

    async fn read(&self, mut response: reqwest::Response) -> Result<Bytes, CallFailure> {
        let status = response.status();
        if !status.is_success() {
            let failure = TransportFailure::Status(status.as_u16());
            return Err(CallFailure::Transport { failure, retry_after: retry_after(&response) });
        }
        let next = |result: Result<Option<Bytes>, reqwest::Error>| {
            result.map_err(|error| CallFailure::from(self.transport_failure(error)))
        };
        let Some(first) = next(response.chunk().await)? else { return Ok(Bytes::new()) };
        let Some(second) = next(response.chunk().await)? else { return Ok(first) };
        let mut body = BytesMut::from(first);
        body.extend_from_slice(&second);
        while let Some(more) = next(response.chunk().await)? {
            if body.len() + more.len() > BODY_CAP_BYTES {
                return Err(TransportFailure::TooLarge(BODY_CAP_BYTES).into());
            }
            body.extend_from_slice(&more);
        }
        Ok(body.freeze())
    }

    fn transport_failure(&self, error: reqwest::Error) -> TransportFailure {
        if error.is_timeout() && !error.is_connect() {
            return TransportFailure::Timeout(self.timeout);
        }
        TransportFailure::Connection(chain(&error.without_url()))
    }
}

/// The texts of an error and its sources, each once.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}

/// `Retry-After` in seconds (RFC 9110 section 10.2.3); a date there is passed over, since it would need the server's clock.
fn retry_after(response: &reqwest::Response) -> Option<Duration> {
    /// An hour: a longer pause is not the client's to make.
    const LONGEST_SECONDS: u64 = 3600;
    let text = response.headers().get(RETRY_AFTER)?.to_str().ok()?;
    let seconds: u64 = text.trim().parse().ok()?;
    Some(Duration::from_secs(seconds.min(LONGEST_SECONDS)))
}
