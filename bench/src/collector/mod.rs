//! What reading a PostgreSQL costs: the collector beside postgres_exporter.
//!
//! Uses `peers` and `table`. Used by `main`.

mod exposition;
mod figure;
mod rig;
mod sink;

pub(crate) use figure::run;
