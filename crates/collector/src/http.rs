//! The collector's own HTTP server: `/metrics`, `/livez`, `/readyz`. Nothing here tells a secret, and it listens on loopback unless
//! told otherwise. With a certificate it speaks HTTPS; where clients may show one but need not, `/metrics` asks for it, and who checks the health does
//! not need any.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Extension, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use pganalytics_tls::{ClientAuth, Limits, Peer, Tls};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::metrics::Metrics;

/// Serves until told to stop.
pub(crate) async fn serve(listener: TcpListener, tls: Option<Arc<Tls>>, metrics: Arc<Metrics>, stop: CancellationToken) {
    let router = router(tls.clone(), metrics);
    let watched = {
        let (tls, stop) = (tls.clone(), stop.clone());
        async move {
            match tls {
                Some(tls) => tls.watch(stop).await,
                None => Ok(()),
            }
        }
    };
    let ((), watched) = tokio::join!(pganalytics_tls::serve(listener, tls, router, Limits::default(), stop), watched);
    if let Err(error) = watched {
        tracing::error!(error = format!("{error:#}"), "the certificate of the collector's own HTTP server is read no more");
    }
}

fn router(tls: Option<Arc<Tls>>, metrics: Arc<Metrics>) -> Router {
    Router::new()
        .route("/metrics", get(text))
        .route("/livez", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .with_state(Served { tls, metrics })
}

#[derive(Clone)]
struct Served {
    tls: Option<Arc<Tls>>,
    metrics: Arc<Metrics>,
}

async fn text(State(served): State<Served>, Extension(peer): Extension<Peer>) -> Response {
    if let Some(tls) = &served.tls {
        if tls.client_auth() == ClientAuth::Optional && !peer.certificate {
            return (StatusCode::FORBIDDEN, "show a certificate that [collector] tls_client_ca trusts\n").into_response();
        }
        served.metrics.server_certificate(tls.figures());
    }
    ([(header::CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], served.metrics.text()).into_response()
}

/// Ready: what is read can be kept.
async fn ready(State(Served { metrics, .. }): State<Served>) -> impl IntoResponse {
    if metrics.spool_on_disk.get() == 1 {
        (StatusCode::OK, "ok\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "the spool cannot be written\n")
    }
}
