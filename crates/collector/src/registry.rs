//! How a metric is registered: each room registers its own, and `operate` shows them all.

use std::sync::atomic::{AtomicI64, AtomicU64};

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Metric, Registry, Unit};

pub(crate) type Float = Gauge<f64, AtomicU64>;
pub(crate) type Int = Gauge<i64, AtomicI64>;
pub(crate) type Seconds = Counter<f64, AtomicU64>;

/// A metric; the type that is asked for decides what its line is.
pub(crate) fn register<M: Metric + Clone + Default>(registry: &mut Registry, name: &str, help: &str) -> M {
    let metric = M::default();
    registry.register(name, help, metric.clone());
    metric
}

/// A metric in seconds.
pub(crate) fn register_seconds<M: Metric + Clone + Default>(registry: &mut Registry, name: &str, help: &str) -> M {
    let metric = M::default();
    registry.register_with_unit(name, help, Unit::Seconds, metric.clone());
    metric
}
