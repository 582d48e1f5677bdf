//! One target: everything that is read from one server, in one task that no other target can delay.
//!
//! # How
//! Two loops share the target: the sampler of sessions with a connection of its own, and the reader of everything else, which
//! keeps a few connections (`sessions`), the least recently used of which gives way to another database's. The reader does one
//! thing at a time: views of the server when they are due, else the next database of the round under way.
//!
//! A third one, where the log can be read, needs no connection and goes on while the server is down.
//!
//! A failure to connect opens the breaker; while it is open nothing is tried, and `pganalytics_server` says every interval that
//! the server is down and why.
//!
//! May use every other room of `read`, and what `read` may use.
//! Used by `operate` for the targets of the configuration, and by `find` for the others.

mod extensions;
mod follower;
mod link;
mod needs;
mod reader;
mod readings;
mod refusals;
mod run;
mod sampler;
mod sessions;
mod state;
mod way_in;

pub(crate) use link::Link;
pub(crate) use needs::{Host, LogSource, Piece};
pub(crate) use run::run;
pub(crate) use state::Common;
