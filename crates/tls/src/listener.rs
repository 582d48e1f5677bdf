//! Serves a router over HTTP/1.1 and HTTP/2, with or without TLS. After the stop it finishes the running requests.

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

use crate::handshake::{self, Handshakes};
use crate::peer::Peer;
use crate::server::Tls;

/// Limits on what clients may use.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The duration of a TLS handshake, from the connection.
    pub handshake: Duration,
    /// The number of unfinished handshakes.
    pub handshakes: usize,
    /// The time until the head of the first request has arrived, from the connection or the handshake.
    pub first_request: Duration,
    /// The time until the head of the next request has arrived over HTTP/1.1, from the last answer. A connection may be idle for this long.
    pub head: Duration,
    /// The time that running requests have after the stop.
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            // Two round trips over a very slow network.
            handshake: Duration::from_secs(10),
            // About 20 KiB each, 10 MiB together.
            handshakes: 512,
            // Browsers open connections in advance, and reconnect when they need one.
            first_request: Duration::from_secs(30),
            // Load balancers keep idle connections for 60 s. The server must not close first, or a request in transit is lost.
            head: Duration::from_secs(75),
            // Less than the 30 s after which Kubernetes kills a pod.
            drain: Duration::from_secs(20),
        }
    }
}

/// The interval of HTTP/2 pings. A connection that does not answer a ping within the same time is closed.
const PING: Duration = Duration::from_secs(20);
/// After the stop, an idle connection stays open for this long: a request may be in transit.
const LAST_REQUEST: Duration = Duration::from_secs(1);
/// The pause after an accept error such as "too many open files". Without a pause this would be a busy loop.
const ACCEPT_AGAIN: Duration = Duration::from_secs(1);

/// Serves until `stop`. Then it accepts no new connections, and finishes the running requests. Each request has [`ConnectInfo`] with the
/// client's address and [`Peer`] as extensions.
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
                    if !is_of_one_connection(&error) {
                        tracing::error!(%error, "cannot accept connections");
                        tokio::time::sleep(ACCEPT_AGAIN).await;
                    }
                    continue;
                }
            },
        };
        let connection = Connection { address, router: router.clone(), limits, stop: stop.clone(), cut: cut.clone() };
        match &tls {
            None => tracker.spawn(connection.plain(stream)),
            // The slot is taken here and not in the task, so that slots are in the order of connections.
            Some(tls) => tracker.spawn(connection.encrypted(stream, Arc::clone(tls), handshakes.begin())),
        };
    }
    drop(listener);
    tracker.close();
    if tokio::time::timeout(limits.drain, tracker.wait()).await.is_err() {
        tracing::warn!(drain_s = limits.drain.as_secs(), "some requests did not finish in time and are aborted");
        cut.cancel();
        tracker.wait().await;
    }
}

/// Whether the error concerns one connection only.
fn is_of_one_connection(error: &std::io::Error) -> bool {
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
        self.http(stream, Builder::new(TokioExecutor::new()), Peer::plain(), never).await;
    }

    async fn encrypted(self, stream: TcpStream, tls: Arc<Tls>, slot: handshake::Slot) {
        let _ = stream.set_nodelay(true);
        let accepted = tokio::select! {
            accepted = handshake::accept(stream, self.address, &tls, slot, self.limits.handshake) => accepted,
            () = self.stop.cancelled() => None,
        };
        let Some((stream, current)) = accepted else { return };
        let peer = Peer::encrypted(stream.get_ref().1);
        // A client without a certificate has none that could be revoked.
        let outdated = if peer.certificate.is_some() { current.outdated } else { CancellationToken::new() };
        let builder = Builder::new(TokioExecutor::new());
        let builder = if handshake::is_http2(&stream) { builder.http2_only() } else { builder.http1_only() };
        self.http(stream, builder, peer, outdated).await;
    }

    /// Serves the connection. After `outdated` it only finishes the running requests.
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
                        tracing::trace!(client.address = %address, error, "connection ended early");
                    }
                    return;
                }
                () = patience.as_mut(), if patient => {
                    // The first request may have arrived since the timer fired.
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
    // HTTP/2 has the host in the request's authority. Handlers expect the Host header of HTTP/1.1.
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
