//! The facade of the crate: open, ingest, query, close.
//! Uses: every room below. Used by: other crates, through `lib.rs`.

mod facade;
mod folder;
mod open;

pub use facade::Lake;
