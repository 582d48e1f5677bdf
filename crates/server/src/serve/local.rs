//! The local port of a backend with TLS: plain HTTP on loopback, for the command line and for the collector in the same process.
//!
//! These programs need no certificate: they neither verify the backend's (which names the host, not 127.0.0.1, and may have expired, which
//! is when people need the command line) nor show their own. So that nobody can bypass TLS, the port accepts only the token of `cli.json`,
//! which allows everything anyway, and batches with a collector's token. All other requests are refused, whatever session or token they
//! have.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use crate::app::App;
use crate::auth::is_operator;
use crate::error::ApiError;

/// The paths that need no token of `cli.json`: the liveness check of the command line, and the path for batches.
const OPEN: [&str; 2] = ["/livez", "/api/v1/ingest"];

pub(crate) async fn only(State(app): State<App>, request: Request, next: Next) -> Response {
    if OPEN.contains(&request.uri().path()) || is_operator(request.headers(), &app) {
        return next.run(request).await;
    }
    ApiError::LocalOnly.into_response()
}
