//! The Kubernetes API as both halves use it: the collector to find pods and their Secrets, the backend to have tokens checked and
//! to make Secrets that are absent.
//!
//! # Promise
//! - [`Access`] says where the API is and who asks; its files (token, authority) are read anew when they change, so a projected token
//!   that the kubelet rotates needs no restart.
//! - [`Client`] sends one request and bounds what comes back, in time and bytes. What the API refuses is an [`ApiError`] that names verb,
//!   resource and namespace: the words a Role is written in.
//! - [`Watch`] yields the state of a collection and then every change of it, for ever: it lists again where the API has forgotten where
//!   it was, and waits longer each time where the API does not answer.
//! - No value of a Secret and no token is in any error, log or `Debug`.
//!
//! Six requests are all that is used of the API; they travel over the reqwest that ships batches already.

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
