//! The layers around every handler: log line and metrics, panics, security headers, compression.

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
use crate::audit::{self, Refusal, Trail};
use crate::auth::Client;
use crate::error::{ApiError, ErrorCode, Problem};
use crate::metrics::RequestLabels;

/// Scripts and data come only from this server; no plugins, no frames. Inline styles are allowed, since the UI's component library uses
/// them.
const CSP: &str = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; \
    object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'";
/// Browsers use only HTTPS for this host until a day after the last visit. This applies to all ports of the host, including those of other
/// programs, and cannot be revoked before it expires. So it is short, and does not include subdomains. A proxy in front sets its own
/// header.
const HSTS: &str = "max-age=86400";
/// Smaller responses gain nothing from gzip.
const COMPRESS_FROM: u64 = 1024;
/// The label of requests that match no route of the API: files of the UI, and mistyped paths.
const UI_ROUTE: &str = "ui";

/// Logs and counts each request by the pattern of its route and its address. The path, the query and the body are never logged.
pub(crate) async fn observe(
    State(app): State<App>,
    route: Option<MatchedPath>,
    client: Client,
    mut request: Request,
    next: Next,
) -> Response {
    let started = Instant::now();
    let route = route.as_ref().map_or(UI_ROUTE, MatchedPath::as_str).to_owned();
    let method = method(request.method());
    let trail = Trail::default();
    request.extensions_mut().insert(trail.clone());
    // With the target of the audit log, the span stays even if the log level leaves out other lines.
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
        note_refusal(&app, &response, &trail, (method, &route), &client);
    });
    app.metrics.request(RequestLabels { method: method.into(), route, status: status.as_u16() }, took);
    response
}

/// The method as a label: one of a fixed set, since clients must not be able to create labels.
pub(super) fn method(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        _ => "other",
    }
}

/// Counts a refusal, and writes it to the audit log: each 401 and 403, and what the handler has noted as refused.
pub(super) fn note_refusal(app: &App, response: &Response, trail: &Trail, (method, route): (&'static str, &str), client: &Client) {
    let Some(Problem { code, message }) = response.extensions().get() else { return };
    let (status, noted) = (response.status(), trail.noted());
    if noted.message.is_none() && !matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
        return;
    }
    app.metrics.refused(code.word());
    app.refusals.record(Refusal {
        message: noted.message.unwrap_or("request refused"),
        method,
        route: route.to_owned(),
        status: status.as_u16(),
        code: code.word(),
        by: noted.by,
        collector: noted.collector,
        is_anonymous: matches!(code, ErrorCode::Unauthenticated) && noted.cause.is_none(),
        cause: noted.cause.unwrap_or_else(|| message.clone()),
        address: client.address,
    });
}

/// Answers a request whose handler panicked with 500. The panic hook has logged the message.
pub(crate) fn panicked(_: Box<dyn Any + Send + 'static>) -> HttpResponse<axum::body::Body> {
    ApiError::Internal(anyhow::anyhow!("a handler panicked")).into_response()
}

/// Sets the headers of every response.
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

/// Compresses only texts above a minimum size.
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
