//! Authentication and authorisation: who sends a request, and what that sender may do.
//!
//! For: the extractors in the handlers' signatures. Uses: `app` for sessions, tokens and options, `audit` to note senders. Used by: `api`, `serve`.
//!
//! A request has a session (the cookie [`SESSION_COOKIE`], or the session's token as a bearer) or a token. The extractors [`Viewer`],
//! [`Admin`] and [`Shipper`] stand in a handler's signature, so a route's requirement is written where the route is served. A handler
//! without one is public. They answer 401 if the sender is unknown, and 403 if the sender is not allowed.
//!
//! Browsers send a cookie with requests from any page. So a request that changes something and has a cookie must come from a page of this
//! backend: see [`origin`]. Bearer tokens are exempt, since other pages do not know them.
//!
//! A session has a fixed expiry ([`crate::ServerOptions::session_lifetime`]). Use does not extend it, so a stolen cookie expires.

mod client;
mod collector;
pub(crate) mod origin;
mod presented;
mod principal;
mod proof;
mod second_proof;
mod user;

pub(crate) use client::{Client, Local};
pub(crate) use collector::{CertificateBinding, Shipper};
pub use presented::{DEVICE_COOKIE, SESSION_COOKIE};
pub use principal::Operator;
pub(crate) use principal::{Principal, is_operator};
pub(crate) use proof::Proof;
pub(crate) use second_proof::SecondProof;
pub(crate) use user::{Admin, Viewer};
