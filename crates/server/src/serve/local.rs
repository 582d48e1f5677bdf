//! What answers on this machine beside a backend that serves with TLS: a port of loopback, free and of plain HTTP, for the command line and
//! the collector in the same process.
//!
//! They need no certificate then, neither to trust (it names the host, not 127.0.0.1, and may have expired: the very moment when one wants
//! to ask what is wrong) nor to show. So that it is no way around anything, this port takes the token of `cli.json`, which opens everything
//! anyway, and batches with a collector's token; nobody else gets an answer here, whatever their session or token.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use crate::app::App;
use crate::auth;
use crate::error::ApiError;

/// Where the command line sees whether the backend lives, and where batches go.
const OPEN: [&str; 2] = ["/livez", "/api/v1/ingest"];

pub(crate) async fn only(State(app): State<App>, request: Request, next: Next) -> Response {
    if OPEN.contains(&request.uri().path()) || auth::is_operator(request.headers(), &app) {
        return next.run(request).await;
    }
    ApiError::LocalOnly.into_response()
}
