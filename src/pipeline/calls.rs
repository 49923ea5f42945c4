//! The calls in flight.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use super::chunk::Chunk;
use super::rate::limiter::Departure;
use super::{RunError, Service};
use crate::api::client::CallResult;
use crate::api::request::request_body;

/// Makes calls, each in a task of its own.
pub struct CallPool<S> {
    service: Arc<S>,
    /// The requested tags, as in a request.
    tag_list: String,
    tasks: JoinSet<EndedCall>,
}

/// A call to make.
pub struct NewCall {
    /// The accounts to request.
    pub chunk: Chunk,
    /// The permit of the rate limiter.
    pub departure: Departure,
    /// The time of the call.
    pub called_at: Duration,
    /// Whether the call only shows whether the service is reachable: its accounts need no response.
    pub is_probe: bool,
}

/// A call that has ended.
pub struct EndedCall {
    /// The accounts requested.
    pub chunk: Chunk,
    /// What it resulted in.
    pub reply: CallResult,
    /// The time of the call.
    pub called_at: Duration,
    /// As of [`NewCall`].
    pub is_probe: bool,
}

impl<S: Service> CallPool<S> {
    /// No call is in flight.
    pub fn new(service: Arc<S>, tag_list: String) -> CallPool<S> {
        CallPool { service, tag_list, tasks: JoinSet::new() }
    }

    /// The service that is called.
    pub fn service(&self) -> &S {
        &self.service
    }

    /// Calls in flight.
    pub fn len(&self) -> usize {
        self.tasks.len()
    }

    /// Whether no call is in flight.
    pub fn is_empty(&self) -> bool {
        self.tasks.is_empty()
    }

    /// Starts a call; `random` goes into its URL.
    pub fn start(&mut self, call: NewCall, random: u32) {
        let NewCall { chunk, departure, called_at, is_probe } = call;
        let names = chunk.accounts.iter().map(|account| account.name.as_str());
        let request = request_body(names, &self.tag_list);
        let service = Arc::clone(&self.service);
        self.tasks.spawn(async move {
            let reply = service.call(request, random, departure).await;
            EndedCall { chunk, reply, called_at, is_probe }
        });
    }

    /// The next call that ends; `None` if none is in flight. Cancel-safe.
    pub async fn next_ended(&mut self) -> Option<Result<EndedCall, RunError>> {
        Some(self.tasks.join_next().await?.map_err(|_| RunError::Panicked))
    }

    /// A call that has ended already.
    pub fn try_next_ended(&mut self) -> Option<Result<EndedCall, RunError>> {
        Some(self.tasks.try_join_next()?.map_err(|_| RunError::Panicked))
    }
}
