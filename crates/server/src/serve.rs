//! The listener and the router around the API.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context as _;
use axum::Router;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tower_http::CompressionLevel;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;

use crate::app::App;
use crate::error::ApiError;
use crate::{api, layers, ui};

/// Requests may take so long to finish after a shutdown began: less than Kubernetes' 30 s until it kills.
const DRAIN: Duration = Duration::from_secs(20);

/// Everything under one address.
pub fn router(app: App) -> Router {
    Router::new()
        .merge(api::router(&app))
        .method_not_allowed_fallback(|| async { ApiError::MethodNotAllowed })
        .fallback(ui::serve)
        .layer(CompressionLayer::new().quality(CompressionLevel::Fastest).compress_when(layers::Texts))
        .layer(CatchPanicLayer::custom(layers::panicked))
        .layer(axum::middleware::from_fn(layers::headers))
        .layer(axum::middleware::from_fn_with_state(app.clone(), layers::observe))
        .with_state(app)
}

/// Listens.
///
/// # Errors
/// A port that is taken or not allowed, with what to do about it.
pub async fn bind(address: SocketAddr) -> anyhow::Result<TcpListener> {
    use std::io::ErrorKind;
    TcpListener::bind(address).await.map_err(|error| {
        let remedy = match error.kind() {
            ErrorKind::AddrInUse => format!(
                "port {} is in use: stop the program that has it (ss -ltnp 'sport = :{0}'), or give another with --listen",
                address.port()
            ),
            ErrorKind::PermissionDenied => format!("port {} needs privileges: give one from 1024 on with --listen", address.port()),
            ErrorKind::AddrNotAvailable => format!("{} is no address of this machine: give another with --listen", address.ip()),
            _ => "give another address with --listen".to_owned(),
        };
        anyhow::Error::new(error).context(remedy).context(format!("listen on {address}"))
    })
}

/// Serves until `stop`, then says that it is not ready, takes no new connections, and finishes what is under way.
///
/// # Errors
/// When the listener fails.
pub async fn serve(listener: TcpListener, app: App, stop: CancellationToken) -> anyhow::Result<()> {
    let service = router(app.clone()).into_make_service_with_connect_info::<SocketAddr>();
    let drained = {
        let (app, stop) = (app.clone(), stop.clone());
        async move {
            stop.cancelled().await;
            app.drain();
        }
    };
    let server = axum::serve(listener, service).with_graceful_shutdown(drained).into_future();
    tokio::pin!(server);
    tokio::select! {
        result = &mut server => return result.context("serve HTTP"),
        () = stop.cancelled() => {}
    }
    match tokio::time::timeout(DRAIN, server).await {
        Ok(result) => result.context("serve HTTP"),
        Err(_) => {
            tracing::warn!(drain_s = DRAIN.as_secs(), "some requests did not finish in time; they are cut off");
            Ok(())
        }
    }
}
