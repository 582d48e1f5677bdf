//! Reads a container's log piece by piece through the API.
//!
//! # Promise
//! - From the start of this collector on, each line is read exactly once. The position is the time of the last line read, so it survives a
//!   new address of the server and a restart of its container. After a restart, the previous container's log is read to its end.
//! - No connection stays open between two pieces, and the size of a piece is limited. A log that grows faster than it is read is read
//!   later. If the log is more than five minutes behind, the lines in between are skipped, and the skipped time is reported.
//! - No hostPath is needed, only the right to `pods/log`.
//!
//! May use `pod`, `recognise` and `rights`; answers `LogSource` of `read/target`.
//! Used by `discovery`.

mod pod_log;
mod source;

pub(crate) use pod_log::PodLog;
pub(crate) use source::LogOfPod;
