//! Rollups: rows of a table summed over bins, a few rows of memory at a time.
//!
//! # Promise
//! A rollup is exactly its rows' aggregate, however they are cut into batches and files and in whatever order the pieces come together.
//! Integer sums are SQL's (they wrap); averages are exact but for rounding; durations stay integer nanoseconds.
//!
//! # How
//! [`Binning::partials`] sums what lies side by side in a batch; its rows have the rollup's shape (see [`pganalytics_views::rollup`] for
//! the columns), and the same key and bin may come more than once. Since every column of that shape knows what it stands for,
//! [`Combiner`] sums partial rows again: sorted by (server, labels…, ts) they meet, and one row a key and bin is left. It holds back
//! the last row of a batch, which the next one may go on with; so its memory is one row beside the batch.
//!
//! Kernels go column by column over ranges of equal keys, since a row at a time would look up types as often as there are values.
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
