//! Registers metrics. Each room registers its own metrics, and `operate` serves all of them.

use std::sync::atomic::{AtomicI64, AtomicU64};

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Metric, Registry, Unit};

pub(crate) type Float = Gauge<f64, AtomicU64>;
pub(crate) type Int = Gauge<i64, AtomicI64>;
pub(crate) type Seconds = Counter<f64, AtomicU64>;

/// Registers a metric of the requested type.
pub(crate) fn register<M: Metric + Clone + Default>(registry: &mut Registry, name: &str, help: &str) -> M {
    let metric = M::default();
    registry.register(name, help, metric.clone());
    metric
}

/// Registers a metric in seconds.
pub(crate) fn register_seconds<M: Metric + Clone + Default>(registry: &mut Registry, name: &str, help: &str) -> M {
    let metric = M::default();
    registry.register_with_unit(name, help, Unit::Seconds, metric.clone());
    metric
}
