//! The nouns: plain values, no I/O.
//! Uses: no other room.
//! Used by: every room but `meta` and `store`.

pub(crate) mod shape;
pub(crate) mod stats;
