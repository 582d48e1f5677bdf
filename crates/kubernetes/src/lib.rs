//! A small client of the Kubernetes API. The collector finds pods and their Secrets with it; the backend reviews tokens and creates missing
//! Secrets.
//!
//! # Promise
//! - [`Access`] holds the API's address and the files of the token and the authority. Changed files are read again, so a projected token
//!   that the kubelet rotates needs no restart.
//! - [`Client`] sends one request. The answer is bounded in time and bytes. If the API refuses the request, the [`ApiError`] names verb,
//!   resource and namespace, as a Role does.
//! - [`Watch`] yields the state of a collection and then every change, without end. It lists again if the API has forgotten the resource
//!   version, and backs off while the API does not answer.
//! - No error, log line or `Debug` output holds a value of a Secret or a token.
//!
//! The crate sends only six kinds of request, over the same reqwest that ships batches.

mod access;
pub mod api;
mod client;
mod error;
mod http;
mod review;
mod scope;
mod watch;

pub use access::{Access, SERVICE_ACCOUNT};
pub use api::Resource;
pub use client::{Client, LogPiece};
pub use error::ApiError;
pub use review::{Reviewed, Right, Verdict};
pub use scope::Scope;
pub use watch::{Event, Watch};
