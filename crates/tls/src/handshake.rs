//! The TLS handshake, bounded in time and number.
//!
//! A client that sends plain HTTP gets an answer in plain HTTP. After refusing a client the server reads from it for a moment: if the
//! server closed the connection at once, the kernel would reset it, and the client would not receive the alert.

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

use crate::server::{Current, Tls};

/// The first byte of a TLS connection: a handshake record (RFC 8446, 5.1).
const HANDSHAKE: u8 = 0x16;
/// The most bytes that are read from a refused client: a first request and the beginning of its body.
const LINGER_BYTES: u64 = 1 << 20;
/// How long a refused client is read from: long enough for an alert to reach any client.
const LINGER: Duration = Duration::from_secs(1);

const PLAIN: &str = "this port uses HTTPS: ask https:// instead of http://\n";

/// The unfinished handshakes. Their number is limited. A new handshake above the limit ends the oldest one: a normal handshake takes
/// milliseconds, so the oldest is the least likely to finish.
#[derive(Debug)]
pub(crate) struct Handshakes {
    limit: usize,
    unfinished: Mutex<(u64, BTreeMap<u64, CancellationToken>)>,
}

impl Handshakes {
    pub(crate) fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self { limit: limit.max(1), unfinished: Mutex::default() })
    }

    pub(crate) fn begin(self: &Arc<Self>) -> Slot {
        let mut guard = self.unfinished.lock().unwrap_or_else(PoisonError::into_inner);
        let (next, unfinished) = &mut *guard;
        while unfinished.len() >= self.limit
            && let Some((_, oldest)) = unfinished.pop_first()
        {
            oldest.cancel();
        }
        let (number, ended) = (*next, CancellationToken::new());
        *next += 1;
        unfinished.insert(number, ended.clone());
        Slot { of: Arc::clone(self), number, ended }
    }
}

/// A handshake's slot. Dropping it frees the slot.
pub(crate) struct Slot {
    of: Arc<Handshakes>,
    number: u64,
    ended: CancellationToken,
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.of.unfinished.lock().unwrap_or_else(PoisonError::into_inner).1.remove(&self.number);
    }
}

/// Does the handshake. Returns the stream and the configuration that verified the client, or `None` if the client was refused.
pub(crate) async fn accept(
    stream: TcpStream,
    address: SocketAddr,
    tls: &Tls,
    slot: Slot,
    limit: Duration,
) -> Option<(TlsStream<TcpStream>, Current)> {
    let outcome = tokio::select! {
        outcome = tokio::time::timeout(limit, handshake(stream, tls)) => outcome.unwrap_or(Err(Refusal::new("timeout"))),
        () = slot.ended.cancelled() => Err(Refusal::new("too many unfinished handshakes, and this was the oldest")),
    };
    let Refusal { reason, stream } = match outcome {
        Ok(done) => return Some(done),
        Err(refusal) => refusal,
    };
    tls.refused.fetch_add(1, Ordering::Relaxed);
    // Anybody who can connect can cause this line, so it is logged at debug level.
    tracing::debug!(client.address = %address, reason, "TLS handshake failed");
    if let Some(stream) = stream {
        let _ = tokio::time::timeout(LINGER, linger(stream)).await;
    }
    None
}

/// Why a handshake failed. The stream is there if the client got an answer and needs a moment to read it.
struct Refusal {
    reason: String,
    stream: Option<TcpStream>,
}

impl Refusal {
    fn new(reason: impl ToString) -> Self {
        Self { reason: reason.to_string(), stream: None }
    }
}

async fn handshake(mut stream: TcpStream, tls: &Tls) -> Result<(TlsStream<TcpStream>, Current), Refusal> {
    let mut first = [0];
    match stream.peek(&mut first).await.map_err(Refusal::new)? {
        0 => return Err(Refusal::new("the client disconnected")),
        _ if first[0] == HANDSHAKE => {}
        _ => {
            // HTTP methods begin with a capital letter. Any other protocol gets no answer.
            if first[0].is_ascii_uppercase() {
                let length = PLAIN.len();
                let head = "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close";
                let answer = format!("{head}\r\nContent-Length: {length}\r\n\r\n{PLAIN}");
                stream.write_all(answer.as_bytes()).await.map_err(Refusal::new)?;
            }
            return Err(Refusal { reason: "not TLS".into(), stream: Some(stream) });
        }
    }
    let current = tls.current();
    match TlsAcceptor::from(Arc::clone(&current.config)).accept(stream).into_fallible().await {
        Ok(stream) => Ok((stream, current)),
        Err((error, stream)) => Err(Refusal { reason: error.to_string(), stream: Some(stream) }),
    }
}

/// Flushes and ends the stream, then reads what the client still sends.
async fn linger(mut stream: TcpStream) -> io::Result<u64> {
    stream.shutdown().await?;
    tokio::io::copy(&mut stream.take(LINGER_BYTES), &mut tokio::io::sink()).await
}

/// Whether both sides agreed on HTTP/2.
pub(crate) fn is_http2(stream: &TlsStream<TcpStream>) -> bool {
    stream.get_ref().1.alpn_protocol() == Some(b"h2")
}
