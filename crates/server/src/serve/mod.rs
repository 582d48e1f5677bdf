//! The listeners and the router around the API.

pub(crate) mod layers;
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
use crate::error::ApiError;
use crate::{api, ui};

/// Everything under one address.
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

/// Serves until `stop`, over TLS where the options have a certificate, then says that it is not ready, takes no new connections, and
/// finishes what is under way.
///
/// # Errors
/// When reading the certificate again panicked.
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
    watched.context("keep the certificate fresh")
}

/// Serves this machine's own programs, over plain HTTP, until `stop`: see [`local`].
pub async fn serve_local(listener: TcpListener, app: App, stop: CancellationToken) {
    let only = axum::middleware::from_fn_with_state(app.clone(), local::only);
    let router = router(app).layer(only).layer(Extension(crate::auth::Local));
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
        panic!("as the test wants")
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
    async fn a_panic_is_that_requests_error() -> anyhow::Result<()> {
        let folder = tempfile::tempdir()?;
        let router = surround(Router::new().route("/x", get(panics)), app(&folder, ServerOptions::default()).await?);
        for _ in 0..2 {
            assert_eq!(error(router.clone()).await?, (StatusCode::INTERNAL_SERVER_ERROR, ErrorCode::Internal, true));
        }
        Ok(())
    }

    #[tokio::test]
    async fn a_request_that_does_not_end_is_ended() -> anyhow::Result<()> {
        let folder = tempfile::tempdir()?;
        let app = app(&folder, ServerOptions { request_timeout: Duration::from_millis(1), ..ServerOptions::default() }).await?;
        let endless = Router::new()
            .route("/x", get(std::future::pending::<&'static str>))
            .layer(axum::middleware::from_fn_with_state(app.clone(), layers::timeout));
        assert_eq!(error(surround(endless, app)).await?, (StatusCode::GATEWAY_TIMEOUT, ErrorCode::Timeout, true));
        Ok(())
    }

    #[tokio::test]
    async fn a_port_that_is_taken_is_named() -> anyhow::Result<()> {
        let taken = bind(SocketAddr::from(([127, 0, 0, 1], 0))).await?;
        let address = taken.local_addr()?;
        let error = format!("{:#}", bind(address).await.expect_err("taken"));
        assert!(error.contains(&format!("port {} is in use", address.port())) && error.contains("--listen"), "{error}");
        Ok(())
    }

    #[tokio::test]
    async fn a_shutdown_finishes_and_the_port_is_free_again() -> anyhow::Result<()> {
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
