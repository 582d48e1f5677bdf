//! How the collector is operated: what it says about itself, to Prometheus and to people.

mod doctor;
mod http;
mod metrics;
mod run;

pub use doctor::{Finding, Level, Report, doctor};
pub use run::run;
