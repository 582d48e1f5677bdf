//! The API on a real lake.

#![expect(clippy::unwrap_used, reason = "a failing test names its line")]

mod administration;
mod audit;
#[path = "../../../tls/tests/tls/authority.rs"]
mod authority;
mod backend;
mod enrolment;
mod guesses;
mod ingest;
mod login;
mod metrics;
mod openapi;
mod refusals;
mod sql;
mod tls;
mod ui;
