//! What a day of history costs on disk, to ingest and to query: the backend beside VictoriaMetrics and Prometheus.
//!
//! Uses `peers` and `table`. Used by `main`.

mod figure;
mod history;
mod ours;

pub(crate) use figure::{Wanted, run};
