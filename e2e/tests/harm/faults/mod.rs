//! Every kind of fault, in turn and at random: three backends on separate hosts behind HAProxy, on PostgreSQL and an S3 server, with real collectors and
//! a shipper. In the end the judges, who know every acknowledged row, find each row once.
//!
//! `FAULT_ROUNDS=300 cargo test --workspace --test main -- faults --nocapture` is the long run. Its last lines are the report.

mod fault;
mod rounds;
mod world;
