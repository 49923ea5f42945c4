//! Making metrics and registering them.

use std::collections::HashMap;

use prometheus::core::Collector;
use prometheus::{GaugeVec, IntCounter, IntCounterVec, Opts, Registry, Result};

/// Before the name of each metric.
pub(super) const PREFIX: &str = "im_profiles";

/// Makes metrics of a registry, in which all have the job as a label.
#[derive(Debug)]
pub(super) struct MetricFactory(pub(super) Registry);

/// A gauge that is left out until it is set.
#[derive(Debug)]
pub(super) struct Figure(GaugeVec);

impl MetricFactory {
    pub(super) fn for_job(job: &str) -> Result<MetricFactory> {
        let labels = HashMap::from([("job".to_owned(), job.to_owned())]);
        Ok(MetricFactory(Registry::new_custom(Some(PREFIX.to_owned()), Some(labels))?))
    }

    pub(super) fn registered<C: Collector + Clone + 'static>(&self, metric: C) -> Result<C> {
        self.0.register(Box::new(metric.clone()))?;
        Ok(metric)
    }

    pub(super) fn counter(&self, name: &str, help: &str) -> Result<IntCounter> {
        self.registered(IntCounter::new(name, help)?)
    }

    pub(super) fn counters(&self, name: &str, help: &str, label: &str) -> Result<IntCounterVec> {
        self.registered(IntCounterVec::new(Opts::new(name, help), &[label])?)
    }

    pub(super) fn figure(&self, name: &str, help: &str) -> Result<Figure> {
        Ok(Figure(self.figures(name, help, &[])?))
    }

    pub(super) fn figures(&self, name: &str, help: &str, labels: &[&str]) -> Result<GaugeVec> {
        self.registered(GaugeVec::new(Opts::new(name, help), labels)?)
    }
}

impl Figure {
    const NO_LABELS: [&str; 0] = [];

    pub(super) fn set(&self, value: f64) {
        self.0.with_label_values(&Figure::NO_LABELS).set(value);
    }

    pub(super) fn add(&self, more: f64) {
        self.0.with_label_values(&Figure::NO_LABELS).add(more);
    }
}
