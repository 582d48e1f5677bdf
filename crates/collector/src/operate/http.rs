//! The collector's own HTTP server: `/metrics`, `/livez`, `/readyz`. No answer holds a secret. The server
//! listens on loopback by default, and speaks HTTPS if it has a certificate. If client certificates are optional, `/metrics` requires one and the
//! health checks do not.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Extension, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use pganalytics_tls::{ClientAuth, Limits, Peer, Tls};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::operate::metrics::Metrics;

/// Serves until stopped.
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
        tracing::error!(
            error = format!("{error:#}"),
            "the task that reloads the certificate of the collector's HTTP server panicked; it keeps the current certificate"
        );
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
        if tls.client_auth() == ClientAuth::Optional && peer.certificate.is_none() {
            return (StatusCode::FORBIDDEN, "present a client certificate that [collector] tls_client_ca trusts\n").into_response();
        }
        served.metrics.ship.certificates.server(tls.figures());
    }
    ([(header::CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], served.metrics.text()).into_response()
}

/// Ready: batches can be stored in the spool.
async fn ready(State(Served { metrics, .. }): State<Served>) -> impl IntoResponse {
    if metrics.ship.spool_on_disk.get() == 1 {
        (StatusCode::OK, "ok\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "the spool is not writable\n")
    }
}

#[cfg(test)]
#[path = "../../../tls/tests/tls/authority.rs"]
mod authority;

#[cfg(test)]
mod tests {
    use pganalytics_tls::{MinVersion, ServerFiles};

    use super::authority::{Authority, EXPIRED, GOOD, Issued};
    use super::*;

    fn identity(issued: &Issued) -> anyhow::Result<reqwest::Identity> {
        let both = [std::fs::read(&issued.certificate)?, std::fs::read(&issued.key)?].concat();
        Ok(reqwest::Identity::from_pem(&both)?)
    }

    #[tokio::test]
    async fn with_optional_client_certificates_metrics_require_one_and_health_does_not() -> anyhow::Result<()> {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let folder = tempfile::tempdir()?;
        let ours = Authority::new(folder.path(), "ours")?;
        let Issued { certificate, key, .. } = ours.issue("server", GOOD)?;
        let (revoked, client_crl) = (ours.issue("revoked", GOOD)?, folder.path().join("revoked.pem"));
        std::fs::write(&client_crl, ours.revoked(&[&revoked], GOOD)?)?;
        let files = ServerFiles {
            certificate,
            key,
            client_ca: Some(ours.file.clone()),
            client_crl: Some(client_crl),
            client_auth: ClientAuth::Optional,
            min_version: MinVersion::default(),
        };
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let (address, stop) = (listener.local_addr()?, CancellationToken::new());
        let serving = tokio::spawn(serve(listener, Some(Arc::new(Tls::load(files)?)), Arc::new(Metrics::default()), stop.clone()));
        let roots = reqwest::Certificate::from_pem_bundle(&std::fs::read(&ours.file)?)?;
        let client = || reqwest::Client::builder().no_proxy().tls_certs_only(roots.clone());
        let url = |path: &str| format!("https://{address}{path}");

        let bare = client().build()?;
        assert_eq!(bare.get(url("/livez")).send().await?.status(), StatusCode::OK);
        assert_eq!(bare.get(url("/metrics")).send().await?.status(), StatusCode::FORBIDDEN);
        let prometheus = client().identity(identity(&ours.issue("prometheus", GOOD)?)?).build()?;
        let text = prometheus.get(url("/metrics")).send().await?.error_for_status()?.text().await?;
        let line = "pganalytics_collector_certificate_expiry_timestamp_seconds{side=\"server\"} 7258118400";
        assert!(text.contains(line), "{text}");
        let expired = client().identity(identity(&ours.issue("old", EXPIRED)?)?).build()?;
        let revoked = client().identity(identity(&revoked)?).build()?;
        for bad in [expired, revoked] {
            assert!(bad.get(url("/livez")).send().await.is_err());
        }
        drop((bare, prometheus));
        stop.cancel();
        Ok(serving.await?)
    }
}
