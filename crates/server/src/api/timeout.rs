//! The time limit of a request.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::app::App;
use crate::error::ApiError;

/// Aborts a request that takes too long. No work of the API is harmed by that.
pub(crate) async fn timeout(State(app): State<App>, request: Request, next: Next) -> Response {
    let limit = app.options.request_timeout;
    match tokio::time::timeout(limit, next.run(request)).await {
        Ok(response) => response,
        Err(_) => ApiError::Timeout(limit).into_response(),
    }
}
