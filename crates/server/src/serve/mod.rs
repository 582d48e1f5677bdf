//! The listeners, and the router around the API.
//!
//! For: serving the API and the UI over HTTP and HTTPS until the stop. Uses: `api`, `ui`, `auth`, `app`. Used by: the binary.

mod layers;
mod local;

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context as _;
use axum::Router;
use axum::extract::Extension;
use pganalytics_tls::Limits;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tower_http::CompressionLevel;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;

use crate::app::App;
use crate::auth::Local;
use crate::error::ApiError;
use crate::{api, ui};

/// The API and the web UI.
pub fn router(app: App) -> Router {
    surround(api::router(&app), app)
}

fn surround(routes: Router<App>, app: App) -> Router {
    routes
        .method_not_allowed_fallback(|| async { ApiError::MethodNotAllowed })
        .fallback(ui::serve)
        .layer(CompressionLayer::new().quality(CompressionLevel::Fastest).compress_when(layers::Texts))
        .layer(CatchPanicLayer::custom(layers::panicked))
        .layer(axum::middleware::from_fn_with_state(app.clone(), layers::headers))
        .layer(axum::middleware::from_fn_with_state(app.clone(), layers::observe))
        .with_state(app)
}

/// Binds a listener.
///
/// # Errors
/// The port is in use or not allowed. The error has a remedy.
pub async fn bind(address: SocketAddr) -> anyhow::Result<TcpListener> {
    use std::io::ErrorKind;
    TcpListener::bind(address).await.map_err(|error| {
        let remedy = match error.kind() {
            ErrorKind::AddrInUse => format!(
                "port {} is in use: stop the program that uses it (ss -ltnp 'sport = :{0}'), or choose another port with --listen",
                address.port()
            ),
            ErrorKind::PermissionDenied => format!("port {} needs privileges: choose a port from 1024 with --listen", address.port()),
            ErrorKind::AddrNotAvailable => format!("{} is not an address of this machine: choose another with --listen", address.ip()),
            _ => "choose another address with --listen".to_owned(),
        };
        anyhow::Error::new(error).context(remedy).context(format!("listen on {address}"))
    })
}

/// Serves until `stop`, with TLS if the options have a certificate. Then it reports that it is not ready, accepts no new connections, and
/// finishes the running requests.
///
/// # Errors
/// Reloading the certificate panicked.
pub async fn serve(listener: TcpListener, app: App, stop: CancellationToken) -> anyhow::Result<()> {
    let tls = app.options.tls.clone();
    let drained = {
        let (app, stop) = (app.clone(), stop.clone());
        async move {
            stop.cancelled().await;
            app.drain();
        }
    };
    let watched = {
        let (tls, stop) = (tls.clone(), stop.clone());
        async move {
            match tls {
                Some(tls) => Arc::clone(&tls).watch(stop).await,
                None => Ok(()),
            }
        }
    };
    let serving = pganalytics_tls::serve(listener, tls, router(app), Limits::default(), stop);
    let ((), (), watched) = tokio::join!(serving, drained, watched);
    watched.context("reload the certificate")
}

/// Serves programs of this machine over plain HTTP until `stop`. The module `local` says which requests it accepts.
pub async fn serve_local(listener: TcpListener, app: App, stop: CancellationToken) {
    let only = axum::middleware::from_fn_with_state(app.clone(), local::only);
    let router = router(app).layer(only).layer(Extension(Local));
    pganalytics_tls::serve(listener, None, router, Limits::default(), stop).await;
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use axum::body::Body;
    use axum::http::{Request, StatusCode, header};
    use axum::routing::get;
    use http_body_util::BodyExt as _;
    use pganalytics_lake::{Lake, LakeOptions};
    use tower::ServiceExt as _;

    use super::*;
    use crate::{ErrorBody, ErrorCode, ServerOptions};

    async fn panics() -> &'static str {
        panic!("on purpose")
    }

    async fn app(folder: &tempfile::TempDir, options: ServerOptions) -> anyhow::Result<App> {
        let views = pganalytics_views::ViewSet::builtin()?;
        App::new(Lake::open(LakeOptions::new(folder.path(), views)).await?, options)
    }

    async fn error(router: Router) -> anyhow::Result<(StatusCode, ErrorCode, bool)> {
        let reply = router.oneshot(Request::get("/x").body(Body::empty())?).await?;
        let (status, safe) = (reply.status(), reply.headers().contains_key(header::CONTENT_SECURITY_POLICY));
        let body: ErrorBody = serde_json::from_slice(&reply.into_body().collect().await?.to_bytes())?;
        Ok((status, body.error.code, safe))
    }

    #[tokio::test]
    async fn a_panic_is_an_internal_error_of_one_request() -> anyhow::Result<()> {
        let folder = tempfile::tempdir()?;
        let router = surround(Router::new().route("/x", get(panics)), app(&folder, ServerOptions::default()).await?);
        for _ in 0..2 {
            assert_eq!(error(router.clone()).await?, (StatusCode::INTERNAL_SERVER_ERROR, ErrorCode::Internal, true));
        }
        Ok(())
    }

    #[tokio::test]
    async fn a_request_that_takes_too_long_is_aborted() -> anyhow::Result<()> {
        let folder = tempfile::tempdir()?;
        let app = app(&folder, ServerOptions { request_timeout: Duration::from_millis(1), ..ServerOptions::default() }).await?;
        let endless = Router::new()
            .route("/x", get(std::future::pending::<&'static str>))
            .layer(axum::middleware::from_fn_with_state(app.clone(), api::timeout));
        assert_eq!(error(surround(endless, app)).await?, (StatusCode::GATEWAY_TIMEOUT, ErrorCode::Timeout, true));
        Ok(())
    }

    #[tokio::test]
    async fn a_port_in_use_is_an_error_with_the_port() -> anyhow::Result<()> {
        let taken = bind(SocketAddr::from(([127, 0, 0, 1], 0))).await?;
        let address = taken.local_addr()?;
        let error = format!("{:#}", bind(address).await.expect_err("in use"));
        assert!(error.contains(&format!("port {} is in use", address.port())) && error.contains("--listen"), "{error}");
        Ok(())
    }

    #[tokio::test]
    async fn a_shutdown_ends_and_frees_the_port() -> anyhow::Result<()> {
        let folder = tempfile::tempdir()?;
        let app = app(&folder, ServerOptions::default()).await?;
        let listener = bind(SocketAddr::from(([127, 0, 0, 1], 0))).await?;
        let address = listener.local_addr()?;
        let stop = CancellationToken::new();
        let serving = tokio::spawn(serve(listener, app.clone(), stop.clone()));
        drop(tokio::net::TcpStream::connect(address).await?);
        stop.cancel();
        serving.await??;
        assert!(app.is_draining());
        bind(address).await?;
        Ok(())
    }
}
