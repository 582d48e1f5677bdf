//! The local port of a backend with TLS: plain HTTP on loopback, for the command line and for the collector in the same process.
//!
//! These programs need no certificate: they neither verify the backend's (which names the host, not 127.0.0.1, and may have expired, which
//! is when people need the command line) nor show their own. So that nobody can bypass TLS, the port accepts only the token of `cli.json`,
//! which allows everything anyway, and batches with a collector's token. All other requests are refused, whatever session or token they
//! have.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use super::layers::{method, note_refusal};
use crate::app::App;
use crate::audit::Trail;
use crate::auth::{Client, is_operator};
use crate::error::ApiError;

/// The paths that need no token of `cli.json`: the liveness check of the command line, and the path for batches.
const OPEN: [&str; 2] = ["/livez", "/api/v1/ingest"];

pub(crate) async fn only(State(app): State<App>, client: Client, request: Request, next: Next) -> Response {
    if OPEN.contains(&request.uri().path()) || is_operator(request.headers(), &app) {
        return next.run(request).await;
    }
    let method = method(request.method());
    let refused = ApiError::LocalOnly.into_response();
    // The path is the sender's text, so the log does not have it.
    note_refusal(&app, &refused, &Trail::default(), (method, "local port"), &client);
    refused
}
