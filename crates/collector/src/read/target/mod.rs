//! One target: everything that is read from one server, in one task that no other target can delay.
//!
//! # How
//! Two loops share the target. The sampler samples sessions on its own connection. The reader reads everything else. The reader keeps
//! a few connections (`sessions`) and closes the least recently used one when it needs another database. The reader does one thing
//! at a time: first the views of the server that are due, then the next database of the current round.
//!
//! If the log can be read, a third loop (`follower`) reads it. This loop needs no connection and continues while the server is down.
//!
//! A failure to connect opens the breaker. While the breaker is open, no connection is tried, and each row of `pganalytics_server` says
//! that the server is down and why.
//!
//! May use every other module of `read`, and the modules that `read` may use.
//! Used by `operate` for configured targets, and by `find` for discovered targets.

mod connection;
mod extensions;
mod follower;
mod lacking;
mod link;
mod needs;
mod reader;
mod readings;
mod refusals;
mod run;
mod sampler;
mod seat;
mod sessions;
mod state;

pub(crate) use link::Link;
pub(crate) use needs::{Host, LogSource, Piece};
pub(crate) use run::run;
pub(crate) use state::Common;
