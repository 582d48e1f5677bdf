//! Judges: exact accounts of what was shipped, compared with what the backend answers.
//!
//! Uses `wait` and `api`. Used by the tests.

mod shipper;
mod spool_watch;
mod tally;

pub use shipper::{Counted, Shipper};
pub use spool_watch::{Snapshots, SpoolWatch};
pub use tally::{Tally, spread};
