//! From a TCP connection to a TLS one, in bounded time and number.
//!
//! A client that speaks plain HTTP here is told so in plain HTTP. One that is refused is read from for a moment after the alert was sent: closing
//! at once would make the kernel reset the connection, and the client would learn nothing of why.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;

use crate::server::Tls;

/// How each TLS connection begins: a record of the type handshake (RFC 8446, 5.1).
const HANDSHAKE: u8 = 0x16;
/// What a client sent before it noticed that it was refused: a first request and the front of a body.
const LINGER_BYTES: u64 = 1 << 20;
/// Long enough for an alert to cross the world.
const LINGER: Duration = Duration::from_secs(1);

const PLAIN: &str = "this port speaks HTTPS: ask https:// instead of http://\n";

/// How a connection came, as an extension of each of its requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer {
    /// Over TLS that ended here.
    pub tls: bool,
    /// The client showed a certificate, and it is good.
    pub certificate: bool,
}

/// The handshakes under way. There is room for a fixed number; a new one beyond it ends the oldest, which is the one most likely never
/// to come to anything: an honest one takes milliseconds.
#[derive(Debug)]
pub(crate) struct Handshakes {
    most: usize,
    under_way: Mutex<(u64, BTreeMap<u64, CancellationToken>)>,
}

impl Handshakes {
    pub(crate) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { most: most.max(1), under_way: Mutex::default() })
    }

    pub(crate) fn begin(self: &Arc<Self>) -> Slot {
        let mut guard = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        let (next, under_way) = &mut *guard;
        while under_way.len() >= self.most
            && let Some((_, oldest)) = under_way.pop_first()
        {
            oldest.cancel();
        }
        let (number, ended) = (*next, CancellationToken::new());
        *next += 1;
        under_way.insert(number, ended.clone());
        Slot { of: Arc::clone(self), number, ended }
    }
}

/// A handshake's place; dropping it makes room.
pub(crate) struct Slot {
    of: Arc<Handshakes>,
    number: u64,
    ended: CancellationToken,
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.of.under_way.lock().unwrap_or_else(PoisonError::into_inner).1.remove(&self.number);
    }
}

/// Does the handshake, or lets the client go.
pub(crate) async fn accept(
    stream: TcpStream,
    address: SocketAddr,
    tls: &Tls,
    slot: Slot,
    limit: Duration,
) -> Option<TlsStream<TcpStream>> {
    let outcome = tokio::select! {
        outcome = tokio::time::timeout(limit, shake(stream, tls)) => outcome.unwrap_or(Err("it took too long".into())),
        () = slot.ended.cancelled() => Err("there are too many unfinished ones, and it was the oldest".into()),
    };
    match outcome {
        Ok(stream) => Some(stream),
        Err(reason) => {
            tls.refused.fetch_add(1, Ordering::Relaxed);
            // Whoever can connect can cause this line, so it is not there by default.
            tracing::debug!(client.address = %address, reason, "no TLS handshake");
            None
        }
    }
}

async fn shake(stream: TcpStream, tls: &Tls) -> Result<TlsStream<TcpStream>, String> {
    let mut first = [0];
    match stream.peek(&mut first).await {
        Ok(0) => return Err("the client left".into()),
        Ok(_) if first[0] == HANDSHAKE => {}
        Ok(_) => return Err(plain(stream, first[0]).await.err().map_or("it is no TLS".into(), |error| error.to_string())),
        Err(error) => return Err(error.to_string()),
    }
    match TlsAcceptor::from(tls.config()).accept(stream).into_fallible().await {
        Ok(stream) => Ok(stream),
        Err((error, stream)) => {
            let _ = linger(stream).await;
            Err(error.to_string())
        }
    }
}

/// Answers what is no TLS: HTTP with HTTP, anything else with the end.
async fn plain(mut stream: TcpStream, first: u8) -> io::Result<()> {
    // All methods of HTTP begin so.
    if first.is_ascii_uppercase() {
        let length = PLAIN.len();
        let head = "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close";
        stream.write_all(format!("{head}\r\nContent-Length: {length}\r\n\r\n{PLAIN}").as_bytes()).await?;
    }
    linger(stream).await
}

/// Sends what is to be sent, and the end; then reads what the client still says, for a moment.
async fn linger(mut stream: TcpStream) -> io::Result<()> {
    stream.shutdown().await?;
    let mut rest = stream.take(LINGER_BYTES);
    let _ = tokio::time::timeout(LINGER, tokio::io::copy(&mut rest, &mut tokio::io::sink())).await;
    Ok(())
}

/// What the connection says about its client.
pub(crate) fn peer(stream: &TlsStream<TcpStream>) -> Peer {
    Peer { tls: true, certificate: stream.get_ref().1.peer_certificates().is_some_and(|chain| !chain.is_empty()) }
}

/// Whether both sides agreed on HTTP/2.
pub(crate) fn is_http2(stream: &TlsStream<TcpStream>) -> bool {
    stream.get_ref().1.alpn_protocol() == Some(b"h2")
}
