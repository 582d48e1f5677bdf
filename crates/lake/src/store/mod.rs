//! Where the files of the history lie: a folder, an object store, or the meta store's PostgreSQL.
//!
//! # Promise
//! A file is durable under its name when [`Store::publish`] returns, and does not exist before. Files never change. The catalog decides
//! which files are live. Credentials come from the sources of the provider's own tools (environment, the files that it names, the identity
//! of the machine or workload), never from the URL.
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
