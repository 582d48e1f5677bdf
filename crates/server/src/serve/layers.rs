//! What surrounds every handler: the log line and the figures of a request, its timeout, its panics, the security headers.

use std::any::Any;
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::header::{
    CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{HeaderValue, Method, Response as HttpResponse, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use pganalytics_tls::Peer;
use tower_http::compression::Predicate;
use tracing::Instrument as _;

use crate::app::App;
use crate::audit;
use crate::auth::Client;
use crate::error::ApiError;
use crate::metrics::RequestLabels;

/// Scripts and data from here only, no plugin, no frame. Styles may be inline: the UI's component library places them.
const CSP: &str = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; \
    object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'";
/// For a day after each visit, browsers ask this host over HTTPS only. It holds for all ports of the name, those of other programs too, and can't be
/// taken back before it ends: so no longer; and not for subdomains. A proxy in front says what it wants.
const HSTS: &str = "max-age=86400";
/// Smaller answers gain nothing from gzip.
const COMPRESS_FROM: u64 = 1024;
/// The route's label where no route of the API matched: the UI's files, and everything mistyped.
const UI_ROUTE: &str = "ui";

/// One line in the log and one count for each request: the route's pattern, never the path, the query or a body; and where it comes from.
pub(crate) async fn observe(State(app): State<App>, route: Option<MatchedPath>, client: Client, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let route = route.as_ref().map_or(UI_ROUTE, MatchedPath::as_str).to_owned();
    let method = match *request.method() {
        // A closed set: a client must not be able to make up labels.
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        _ => "other",
    };
    // Whoever leaves out what is not worth a warning keeps who did what, and from where.
    let span =
        tracing::info_span!(target: audit::TARGET, "request", http.method = method, http.route = route, client.address = %client.address);
    let response = next.run(request).instrument(span.clone()).await;
    let took = started.elapsed();
    let status = response.status();
    let duration_ms = took.as_secs_f64() * 1e3;
    span.in_scope(|| {
        if status.is_server_error() {
            tracing::warn!(http.status = status.as_u16(), http.duration_ms = duration_ms, "answered");
        } else {
            tracing::debug!(http.status = status.as_u16(), http.duration_ms = duration_ms, "answered");
        }
    });
    app.metrics.request(RequestLabels { method: method.into(), route, status: status.as_u16() }, took);
    response
}

/// Ends a request that takes too long. What it was doing is dropped; nothing the API does is harmed by that.
pub(crate) async fn timeout(State(app): State<App>, request: Request, next: Next) -> Response {
    let limit = app.options.request_timeout;
    match tokio::time::timeout(limit, next.run(request)).await {
        Ok(response) => response,
        Err(_) => ApiError::Timeout(limit).into_response(),
    }
}

/// A handler's panic is that request's 500 and nobody else's trouble. The panic hook has written its message.
pub(crate) fn panicked(_: Box<dyn Any + Send + 'static>) -> HttpResponse<axum::body::Body> {
    ApiError::Internal(anyhow::anyhow!("a handler panicked")).into_response()
}

/// The headers every answer has.
pub(crate) async fn headers(State(app): State<App>, request: Request, next: Next) -> Response {
    let tls = request.extensions().get::<Peer>().is_some_and(|peer| peer.tls);
    let mut response = next.run(request).await;
    if tls && !app.options.trusted_proxy {
        response.headers_mut().insert(STRICT_TRANSPORT_SECURITY, HeaderValue::from_static(HSTS));
    }
    for (name, value) in [
        (CONTENT_SECURITY_POLICY, CSP),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (X_FRAME_OPTIONS, "DENY"),
        (REFERRER_POLICY, "same-origin"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=()"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

/// Which answers are worth compressing: texts of some size.
#[derive(Clone, Copy)]
pub(crate) struct Texts;

impl Predicate for Texts {
    fn should_compress<B: axum::body::HttpBody>(&self, response: &HttpResponse<B>) -> bool {
        let media_type = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let is_text = media_type.starts_with("text/")
            || ["application/json", "application/openmetrics-text", "image/svg+xml", "application/manifest+json"]
                .iter()
                .any(|known| media_type.starts_with(known));
        let is_large = response.body().size_hint().exact().is_none_or(|size| size >= COMPRESS_FROM);
        is_text && is_large && response.status() == StatusCode::OK
    }
}
