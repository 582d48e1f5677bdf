//! Serves a router over HTTP/1.1 and HTTP/2, with TLS or plain, until told to stop; then finishes what is under way.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::extract::Request;
use axum::http::{HeaderValue, header};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

use crate::handshake::{self, Handshakes, Peer};
use crate::server::Tls;

/// What the network may take of us.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// A TLS handshake, from the connection on.
    pub handshake: Duration,
    /// Handshakes under way at a time.
    pub handshakes: usize,
    /// The head of a connection's first request, from the connection or the handshake on.
    pub first_request: Duration,
    /// The head of each further request over HTTP/1.1, from the answer before on: also how long a connection may lie idle.
    pub head: Duration,
    /// After the stop, what is under way may take so long.
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            // A round trip or two, over the worst of networks.
            handshake: Duration::from_secs(10),
            // Some 20 KiB each: 10 MiB.
            handshakes: 512,
            // Browsers connect before they know what to ask, and connect again when they do.
            first_request: Duration::from_secs(30),
            // Load balancers keep idle connections for 60 s; whoever ends first must not be us, or a request is lost on the way.
            head: Duration::from_secs(75),
            // Less than Kubernetes' 30 s until it kills.
            drain: Duration::from_secs(20),
        }
    }
}

/// HTTP/2 connections are asked whether somebody is there so often; one that does not say within the same time is ended.
const PING: Duration = Duration::from_secs(20);
/// After the stop, who has connected but asked nothing may still do so for a moment: the request may be on its way.
const LAST_REQUEST: Duration = Duration::from_secs(1);
/// Out of file descriptors or memory: trying at once again would be a busy loop.
const ACCEPT_AGAIN: Duration = Duration::from_secs(1);

/// Serves until `stop`, then takes no new connections, and finishes what is under way. Each request has [`ConnectInfo`] with the client's
/// address and [`Peer`] as extensions.
pub async fn serve(listener: TcpListener, tls: Option<Arc<Tls>>, router: Router, limits: Limits, stop: CancellationToken) {
    let tracker = TaskTracker::new();
    let cut = CancellationToken::new();
    let handshakes = Handshakes::new(limits.handshakes);
    loop {
        let (stream, address) = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    if !is_the_clients(&error) {
                        tracing::error!(%error, "no connection can be taken");
                        tokio::time::sleep(ACCEPT_AGAIN).await;
                    }
                    continue;
                }
            },
        };
        let connection = Connection { address, router: router.clone(), limits, stop: stop.clone(), cut: cut.clone() };
        match &tls {
            None => tracker.spawn(connection.plain(stream)),
            // The place is taken here and not in the task, so that places are in the order of connections.
            Some(tls) => tracker.spawn(connection.encrypted(stream, Arc::clone(tls), handshakes.begin())),
        };
    }
    drop(listener);
    tracker.close();
    if tokio::time::timeout(limits.drain, tracker.wait()).await.is_err() {
        tracing::warn!(drain_s = limits.drain.as_secs(), "some requests did not finish in time; they are cut off");
        cut.cancel();
        tracker.wait().await;
    }
}

/// Whether it is the trouble of that one connection.
fn is_the_clients(error: &std::io::Error) -> bool {
    use std::io::ErrorKind;
    matches!(error.kind(), ErrorKind::ConnectionRefused | ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset)
}

struct Connection {
    address: SocketAddr,
    router: Router,
    limits: Limits,
    stop: CancellationToken,
    cut: CancellationToken,
}

impl Connection {
    async fn plain(self, stream: TcpStream) {
        let _ = stream.set_nodelay(true);
        let never = CancellationToken::new();
        self.http(stream, Builder::new(TokioExecutor::new()), Peer { tls: false, certificate: None }, never).await;
    }

    async fn encrypted(self, stream: TcpStream, tls: Arc<Tls>, slot: handshake::Slot) {
        let _ = stream.set_nodelay(true);
        let shaken = tokio::select! {
            shaken = handshake::accept(stream, self.address, &tls, slot, self.limits.handshake) => shaken,
            () = self.stop.cancelled() => None,
        };
        let Some((stream, current)) = shaken else { return };
        let peer = handshake::peer(&stream);
        // Who showed nothing has nothing that could be revoked.
        let outdated = if peer.certificate.is_some() { current.outdated } else { CancellationToken::new() };
        let builder = Builder::new(TokioExecutor::new());
        let builder = if handshake::is_http2(&stream) { builder.http2_only() } else { builder.http1_only() };
        self.http(stream, builder, peer, outdated).await;
    }

    /// Serves it; once it is outdated, no further than what is under way.
    async fn http<I>(self, stream: I, mut builder: Builder<TokioExecutor>, peer: Peer, outdated: CancellationToken)
    where
        I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let Self { address, router, limits, stop, cut } = self;
        builder.http1().timer(TokioTimer::new()).header_read_timeout(limits.head);
        builder.http2().timer(TokioTimer::new()).keep_alive_interval(PING).keep_alive_timeout(PING);
        let asked = CancellationToken::new();
        let service = {
            let asked = asked.clone();
            hyper_util::service::TowerToHyperService::new(tower::service_fn(move |request: axum::http::Request<_>| {
                asked.cancel();
                let (router, peer) = (router.clone(), peer.clone());
                async move { Ok::<_, Infallible>(answer(router, request.map(Body::new), address, peer).await) }
            }))
        };
        let mut connection = pin!(builder.serve_connection_with_upgrades(TokioIo::new(stream), service));
        let mut patience = pin!(tokio::time::sleep(limits.first_request));
        let (mut patient, mut stopping) = (true, false);
        loop {
            tokio::select! {
                result = connection.as_mut() => {
                    if let Err(error) = result {
                        tracing::trace!(client.address = %address, error, "a connection ended early");
                    }
                    return;
                }
                () = patience.as_mut(), if patient => {
                    // Looked at now: the branch was chosen before the first request came.
                    if !asked.is_cancelled() {
                        return;
                    }
                    patient = false;
                }
                () = either(&stop, &outdated), if !stopping => {
                    (patient, stopping) = (true, true);
                    connection.as_mut().graceful_shutdown();
                    patience.as_mut().reset(tokio::time::Instant::now() + LAST_REQUEST);
                }
                () = cut.cancelled() => return,
            }
        }
    }
}

async fn either(one: &CancellationToken, other: &CancellationToken) {
    tokio::select! {
        () = one.cancelled() => {}
        () = other.cancelled() => {}
    }
}

async fn answer(router: Router, mut request: Request, address: SocketAddr, peer: Peer) -> axum::response::Response {
    // HTTP/2 names the host in the address; handlers look where HTTP/1.1 has it.
    if !request.headers().contains_key(header::HOST)
        && let Some(host) = request.uri().authority().and_then(|authority| HeaderValue::from_str(authority.as_str()).ok())
    {
        request.headers_mut().insert(header::HOST, host);
    }
    request.extensions_mut().insert(ConnectInfo(address));
    request.extensions_mut().insert(peer);
    match router.oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}
