//! Creates and registers metrics.

use std::collections::HashMap;

use prometheus::core::Collector;
use prometheus::{GaugeVec, IntCounter, IntCounterVec, Opts, Registry, Result};

/// Prefix of every metric name.
pub const PREFIX: &str = "im_profiles";

/// Creates metrics in a registry that labels all of them with the job.
#[derive(Debug)]
pub struct MetricFactory(pub Registry);

/// A gauge that is absent from the text until it is set.
#[derive(Debug)]
pub struct OptionalGauge(GaugeVec);

impl MetricFactory {
    pub fn for_job(job: &str) -> Result<MetricFactory> {
        let labels = HashMap::from([("job".to_owned(), job.to_owned())]);
        Ok(MetricFactory(Registry::new_custom(Some(PREFIX.to_owned()), Some(labels))?))
    }

    pub fn registered<C: Collector + Clone + 'static>(&self, metric: C) -> Result<C> {
        self.0.register(Box::new(metric.clone()))?;
        Ok(metric)
    }

    pub fn counter(&self, name: &str, help: &str) -> Result<IntCounter> {
        self.registered(IntCounter::new(name, help)?)
    }

    pub fn counters(&self, name: &str, help: &str, label: &str) -> Result<IntCounterVec> {
        self.registered(IntCounterVec::new(Opts::new(name, help), &[label])?)
    }

    pub fn optional_gauge(&self, name: &str, help: &str) -> Result<OptionalGauge> {
        Ok(OptionalGauge(self.gauges(name, help, &[])?))
    }

    pub fn gauges(&self, name: &str, help: &str, labels: &[&str]) -> Result<GaugeVec> {
        self.registered(GaugeVec::new(Opts::new(name, help), labels)?)
    }
}

impl OptionalGauge {
    const NO_LABELS: [&str; 0] = [];

    pub fn set(&self, value: f64) {
        self.0.with_label_values(&OptionalGauge::NO_LABELS).set(value);
    }

    pub fn add(&self, more: f64) {
        self.0.with_label_values(&OptionalGauge::NO_LABELS).add(more);
    }
}
