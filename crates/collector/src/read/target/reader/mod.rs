//! The loop that reads every view of a target but the sampled sessions.

mod databases;
mod hand_on;
mod machine;
mod memory;
mod rounds;
mod server;
mod sql;
mod texts;

pub(super) use rounds::run;
