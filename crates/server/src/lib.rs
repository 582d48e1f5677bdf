//! The backend's HTTP side: ingest, the API, authentication, the web UI.
//!
//! # Promise
//! - Every route but health, login and the UI's files answers 401 without a valid session or token.
//! - A batch is acknowledged only after the lake has committed it.
//! - Bodies, logins, SQL and requests are bounded in size, number or time; a handler's panic stays in its request.
//! - No secret and no cell value reaches a log, and no statement unless that is asked for. Who did what does ([`audit`]).
//!
//! The lake knows nothing of HTTP, and nothing here knows how it stores.

pub mod accounts;
mod api;
mod app;
pub mod audit;
mod auth;
mod error;
mod limiter;
mod metrics;
mod redis;
mod render;
mod secret;
mod serve;
mod service_account;
mod ui;

pub use api::document;
pub use app::{App, DEFAULT_REQUEST_TIMEOUT, DEFAULT_SESSION_LIFETIME, ServerOptions};
pub use auth::{Operator, SESSION_COOKIE};
pub use error::{ApiError, ErrorBody, ErrorCode, ErrorDetail, ErrorPosition};
/// The lake under the server, for the binary that opens it.
pub use pganalytics_lake as lake;
/// How TLS is told, for the binary that reads the settings.
pub use pganalytics_tls as tls;
pub use redis::{Redis, RedisOptions, RedisUrl, RedisUrlError};
pub use secret::{MIN_PASSWORD_LENGTH, PasswordError, Secret, check_password, generate_operator_token, generate_password};
pub use serve::{bind, router, serve, serve_local};
pub use service_account::{AUDIENCE, ServiceAccount, ServiceAccounts};

/// The backend's version.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
