//! The HTTP clients that make the requests.

use std::time::Duration;

use object_store::client::{HttpError, HttpRequest, HttpResponse, HttpService};
use reqwest::redirect::Policy;
use reqwest::{ClientBuilder, retry};

use super::transport::ServiceCall;

/// Time limits of a request; there is none for the whole, since objects may be large.
#[derive(Debug, Clone, Copy)]
pub struct Timeouts {
    pub connect: Duration,
    /// For each step: the whole of a small request, or a part of a body.
    pub inactivity: Duration,
}

impl Default for Timeouts {
    fn default() -> Timeouts {
        Timeouts { connect: Duration::from_secs(5), inactivity: Duration::from_secs(30) }
    }
}

/// The clients of one bucket.
#[derive(Debug)]
pub struct Network {
    store: reqwest::Client,
    /// For credentials from the machine itself: never through a proxy, and absent machines do not respond.
    metadata: reqwest::Client,
}

impl Network {
    pub fn new(timeouts: Timeouts) -> reqwest::Result<Network> {
        let store = builder(timeouts).build()?;
        let connect = timeouts.connect.min(Duration::from_secs(1));
        let metadata = builder(Timeouts { connect, ..timeouts }).no_proxy().build()?;
        Ok(Network { store, metadata })
    }
}

/// Without compression, which would hide the length of an object.
fn builder(timeouts: Timeouts) -> ClientBuilder {
    reqwest::Client::builder()
        .user_agent(concat!("im-profiles/", env!("CARGO_PKG_VERSION")))
        .redirect(Policy::none())
        .retry(retry::never())
        .referer(false)
        .no_gzip()
        .tcp_nodelay(true)
        .connect_timeout(timeouts.connect)
        .read_timeout(timeouts.inactivity)
}

/// Whether a host serves the credentials of the machine: link-local addresses, and the name on Google Cloud.
fn is_metadata_host(host: &str) -> bool {
    host.starts_with("169.254.")
        || host.starts_with("[fd00:")
        || host == "metadata.google.internal"
        || host == "metadata"
}

impl HttpService for Network {
    fn call<'life0, 'async_trait>(&'life0 self, request: HttpRequest) -> ServiceCall<'async_trait>
    where
        'life0: 'async_trait,
        Self: 'async_trait,
    {
        let is_metadata = request.uri().host().is_some_and(is_metadata_host);
        let client = if is_metadata { &self.metadata } else { &self.store };
        let call: ServiceCall<'async_trait> = HttpService::call(client, request);
        Box::pin(async move {
            let response: Result<HttpResponse, HttpError> = call.await;
            response
        })
    }
}
