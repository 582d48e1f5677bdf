//! Rollups: rows of a table summed over bins, a few rows of memory at a time.
//!
//! # Promise
//! A rollup equals the aggregate of its rows, however the rows are cut into batches and files and in whatever order the pieces are
//! combined. Integer sums wrap, as in the SQL engine. Averages are exact except for rounding. Durations stay integer nanoseconds.
//!
//! # How
//! [`Binning::partials`] sums neighbouring rows of a batch into partial rows. Partial rows have the shape of the rollup (see
//! [`pganalytics_views::rollup`] for the columns), and several of them may have the same key and bin. [`Combiner`] takes partial rows
//! sorted by (server, labels…, ts) and combines equal keys, so that one row per key and bin remains. It holds back the last row of a
//! batch, because the next batch may continue that row. Its memory is one row beside the batch.
//!
//! Kernels work column by column over ranges of equal keys. Row by row, each value would cost a lookup of its type.
//!
//! Uses: `model`. Used by: `query`, `maintain`.

mod binning;
mod column;
mod combiner;
mod groups;
mod means;
mod narrowed;
mod partial;

pub(crate) use binning::Binning;
pub(crate) use combiner::Combiner;
pub(crate) use narrowed::Narrowed;
