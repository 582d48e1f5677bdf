//! How the collector is operated: what it says about itself, to Prometheus and to people.

pub mod doctor;
pub(crate) mod http;
pub(crate) mod metrics;
