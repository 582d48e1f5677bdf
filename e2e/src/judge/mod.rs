//! Exact accounts of what was shipped, and judges that compare them with what the backend answers.
//!
//! Uses `wait` and `api`. Used by the tests.

pub mod shipper;
pub mod spool_watch;
pub mod tally;
