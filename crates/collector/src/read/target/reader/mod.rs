//! The loop that reads every view of a target, except the sampled sessions and the log.
//!
//! May use `probe`, and the state that the loops of a target share.
//! Used by `target::run`.

mod databases;
mod deltas;
mod machine;
mod memory;
mod patience;
mod rounds;
mod server;
mod sql;
mod texts;

pub(super) use rounds::run;
