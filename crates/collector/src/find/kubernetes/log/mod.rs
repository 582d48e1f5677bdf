//! A container's log, piece by piece, by the API.
//!
//! # Promise
//! - No line twice, and none left out from the moment this collector was started: the place is kept by the lines' own times, also where the
//!   server's address changes or its container is started again; then the log of the one before is read to its end.
//! - No connection is held open between two pieces, and a piece is bounded. A log that grows faster than it is read is read later; where it
//!   is more than five minutes behind, what is between is skipped, and told.
//! - No hostPath: the right to `pods/log` is all it takes.
//!
//! May use `pod`, `recognise` and `rights`; answers `LogSource` of `read/target`.
//! Used by `discovery`.

mod pod_log;
mod source;

pub(crate) use pod_log::PodLog;
pub(crate) use source::LogOfPod;
