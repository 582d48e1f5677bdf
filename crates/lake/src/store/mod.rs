//! Where the files of the history lie: a folder, an object store, or the meta store's PostgreSQL.
//!
//! # Promise
//! A file is durable under its name when [`Store::publish`] returns, and not there at all before. Files are never changed; who is live
//! is the catalog's to say. Credentials come from where each provider's own tools take them (environment, files they name, the machine's
//! or the workload's identity), never from the URL.
//!
//! Uses: `meta`, for the PostgreSQL that may hold the files. Used by: `catalog`, `parquet`, `maintain`, `options`, `lake`.

mod cloud;
mod files;
mod open;
mod postgres;
mod publish;
mod url;

pub use self::url::{StoreUrl, StoreUrlError};
pub(crate) use files::{Listed, PROBE, Store, UNFINISHED};
