//! The API over a real lake, request by request.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

mod administration;
mod audit;
#[path = "../../../tls/tests/tls/authority.rs"]
mod authority;
mod backend;
mod enrolment;
mod ingest;
mod login;
mod metrics;
mod openapi;
mod sql;
mod tls;
mod ui;
