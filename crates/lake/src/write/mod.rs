//! A batch's way: from its bytes to a durable commit that queries see.
//! Uses: `present`, `catalog`, `decode`, `meta`, `model`.
//! Used by: `maintain`, `lake`.

pub(crate) mod ingest;
pub(crate) mod skew;
