//! Ingest: takes a batch from its bytes to a durable commit that queries see.
//! Uses: `present`, `catalog`, `decode`, `meta`, `model`.
//! Used by: `maintain`, `lake`.

mod error;
mod ingest;
mod prepare;
mod room;
mod sighting;
mod skew;
mod store_failure;
mod unknown;
mod writer;

pub use error::IngestError;
pub(crate) use ingest::Intake;
pub use ingest::{Ack, Sender};
pub(crate) use room::HotMemory;
