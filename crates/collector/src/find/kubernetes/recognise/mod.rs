//! Decides whether a pod is a PostgreSQL server, and how to reach it. Pure functions of the pod as the API reports it.
//!
//! # How
//! The six operators mark their pods with labels (`operators`); all other pods need annotations (`annotations`). An operator's pod may have
//! annotations too; our own then need no `scrape`. Annotations override the values that follow from the labels, and the labels give the
//! rest. Poolers are left out, and so is a pod with `pganalytics.io/scrape: "false"`.
//!
//! The result is a hint. Only the server itself shows whether it speaks PostgreSQL and whether it is a primary.
//!
//! May use `connect::conninfo` for `sslmode`.
//! Used by `discovery`, `examine`, `log`, `pod` and `credentials`.

mod annotations;
mod candidate;
mod manifest;
mod operators;
#[cfg(test)]
mod tests;
mod verdict;

pub(crate) use candidate::{Candidate, Login, Operator, Role, User};
pub(super) use manifest::{address, containers, key, started, status_of};
pub(crate) use manifest::{server_name, workload};
pub(crate) use verdict::{Recognised, recognise};
