//! The HTTP side of the backend: ingest, the API, authentication, the web UI.
//!
//! # Promise
//! - All routes except health, login and the UI's files answer 401 without a valid session or token.
//! - A batch is acknowledged only after the lake has committed it.
//! - Bodies, logins, SQL and requests are limited in size, number or time. A panic of a handler ends only its request.
//! - No secret and no cell value is logged, and statements only if configured. Logins, refusals and changes are logged ([`audit`]).
//!
//! ```text
//! serve ─▶ api, ui ─▶ auth, accounts ─▶ app ─▶ limiter, service_account ─▶ error, redis, metrics ─▶ secret, audit, network
//! ```
//! The lake does not know HTTP, and this crate does not know how the lake stores data.

pub mod accounts;
mod api;
mod app;
pub mod audit;
mod auth;
mod error;
mod limiter;
mod metrics;
mod network;
mod redis;
mod render;
mod secret;
mod serve;
mod service_account;
mod ui;

pub use api::document;
pub use app::{App, DEFAULT_REQUEST_TIMEOUT, DEFAULT_SESSION_LIFETIME, ServerOptions, VERSION};
pub use auth::{DEVICE_COOKIE, Operator, SESSION_COOKIE};
pub use error::{ApiError, ErrorBody, ErrorCode, ErrorDetail, ErrorPosition};
/// The lake, for the binary that opens it.
pub use pganalytics_lake as lake;
/// The settings of TLS, for the binary that reads them.
pub use pganalytics_tls as tls;
pub use redis::{Redis, RedisOptions, RedisUrl, RedisUrlError};
pub use secret::{MIN_PASSWORD_LENGTH, PasswordError, Secret, check_password, generate_operator_token, generate_password};
pub use serve::{bind, router, serve, serve_local};
pub use service_account::{AUDIENCE, ServiceAccount, ServiceAccounts};
