//! Sums over bins, a few rows of memory at a time. Pure.
//! Uses: `model`.
//! Used by: `query`, `maintain`.

pub(crate) mod binning;
