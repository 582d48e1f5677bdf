//! Whether a pod is a PostgreSQL server, and how it is reached: pure functions of the pod as the API tells it.
//!
//! # How
//! The six operators mark their pods with labels (`operators`), everybody else writes annotations
//! (`annotations`). An operator's pod may carry annotations too, ours without a word that it is a server; what they say
//! stands above what the operator's labels mean, and the labels say the rest. Poolers are left out, and so is a pod that says `pganalytics.io/scrape: "false"`.
//!
//! What is found here is a hint. Whether something speaks PostgreSQL there, and whether it is a primary, only the server itself says.
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
