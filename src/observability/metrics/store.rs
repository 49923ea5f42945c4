//! Gauges of the requests to an object store; absent for a snapshot on this machine.

use prometheus::Result;

use super::factory::{MetricFactory, OptionalGauge};
use crate::snapshot::store::StoreActivity;

#[derive(Debug)]
pub struct StoreGauges {
    requests: OptionalGauge,
    retries: OptionalGauge,
    throttled: OptionalGauge,
    uploaded_bytes: OptionalGauge,
    unavailable: OptionalGauge,
}

impl StoreGauges {
    pub fn new(factory: &MetricFactory) -> Result<StoreGauges> {
        let gauge = |name, help| factory.optional_gauge(name, help);
        Ok(StoreGauges {
            requests: gauge("store_requests", "Requests of this process to the object store.")?,
            retries: gauge("store_retries", "Those that repeat a failed one.")?,
            throttled: gauge("store_throttled", "Those that the store refused as too many.")?,
            uploaded_bytes: gauge("store_uploaded_bytes", "Bytes that the store accepted.")?,
            unavailable: gauge("store_unavailable", "1 while every request to it fails.")?,
        })
    }

    pub fn set(&self, activity: &StoreActivity) {
        let StoreActivity { requests, retries, throttled, uploaded_bytes, is_unavailable, .. } =
            *activity;
        self.requests.set(requests as f64);
        self.retries.set(retries as f64);
        self.throttled.set(throttled as f64);
        self.uploaded_bytes.set(uploaded_bytes as f64);
        self.unavailable.set(f64::from(u8::from(is_unavailable)));
    }
}
