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

use rustls::client::verify_server_name;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::server::ParsedCertificate;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;

use crate::server::{Current, Tls};

/// How each TLS connection begins: a record of the type handshake (RFC 8446, 5.1).
const HANDSHAKE: u8 = 0x16;
/// What a client sent before it noticed that it was refused: a first request and the front of a body.
const LINGER_BYTES: u64 = 1 << 20;
/// Long enough for an alert to cross the world.
const LINGER: Duration = Duration::from_secs(1);

const PLAIN: &str = "this port speaks HTTPS: ask https:// instead of http://\n";

/// How a connection came, as an extension of each of its requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// Over TLS that ended here.
    pub tls: bool,
    /// What the client showed, which is good.
    pub certificate: Option<ClientCertificate>,
}

/// A client's own certificate, without those that signed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientCertificate(Arc<CertificateDer<'static>>);

impl ClientCertificate {
    /// Whether it is for this name: a DNS name or an IP address among its `subjectAltName`s, compared as a server's are; a common name is
    /// none.
    #[must_use]
    pub fn is_for(&self, name: &str) -> bool {
        let Ok(name) = ServerName::try_from(name) else { return false };
        ParsedCertificate::try_from(&*self.0).is_ok_and(|parsed| verify_server_name(&parsed, &name).is_ok())
    }
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

/// Does the handshake, or lets the client go; with the configuration by which the client was judged.
pub(crate) async fn accept(
    stream: TcpStream,
    address: SocketAddr,
    tls: &Tls,
    slot: Slot,
    limit: Duration,
) -> Option<(TlsStream<TcpStream>, Current)> {
    let outcome = tokio::select! {
        outcome = tokio::time::timeout(limit, shake(stream, tls)) => outcome.unwrap_or(Err(Refusal::new("it took too long"))),
        () = slot.ended.cancelled() => Err(Refusal::new("there are too many unfinished ones, and it was the oldest")),
    };
    let Refusal { reason, stream } = match outcome {
        Ok(shaken) => return Some(shaken),
        Err(refusal) => refusal,
    };
    tls.refused.fetch_add(1, Ordering::Relaxed);
    // Whoever can connect can cause this line, so it is not there by default.
    tracing::debug!(client.address = %address, reason, "no TLS handshake");
    if let Some(stream) = stream {
        let _ = tokio::time::timeout(LINGER, linger(stream)).await;
    }
    None
}

/// Why there is no connection, and the stream where the client has been told and may need a moment to read it.
struct Refusal {
    reason: String,
    stream: Option<TcpStream>,
}

impl Refusal {
    fn new(reason: impl ToString) -> Self {
        Self { reason: reason.to_string(), stream: None }
    }
}

async fn shake(mut stream: TcpStream, tls: &Tls) -> Result<(TlsStream<TcpStream>, Current), Refusal> {
    let mut first = [0];
    match stream.peek(&mut first).await.map_err(Refusal::new)? {
        0 => return Err(Refusal::new("the client left")),
        _ if first[0] == HANDSHAKE => {}
        _ => {
            // All methods of HTTP begin so; anything else is just ended.
            if first[0].is_ascii_uppercase() {
                let length = PLAIN.len();
                let head = "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close";
                let answer = format!("{head}\r\nContent-Length: {length}\r\n\r\n{PLAIN}");
                stream.write_all(answer.as_bytes()).await.map_err(Refusal::new)?;
            }
            return Err(Refusal { reason: "it is no TLS".into(), stream: Some(stream) });
        }
    }
    let current = tls.current();
    match TlsAcceptor::from(Arc::clone(&current.config)).accept(stream).into_fallible().await {
        Ok(stream) => Ok((stream, current)),
        Err((error, stream)) => Err(Refusal { reason: error.to_string(), stream: Some(stream) }),
    }
}

/// Sends what is to be sent, and the end; then reads what the client still says.
async fn linger(mut stream: TcpStream) -> io::Result<u64> {
    stream.shutdown().await?;
    tokio::io::copy(&mut stream.take(LINGER_BYTES), &mut tokio::io::sink()).await
}

/// What the connection says about its client.
pub(crate) fn peer(stream: &TlsStream<TcpStream>) -> Peer {
    let certificate = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
    Peer { tls: true, certificate: certificate.map(|own| ClientCertificate(Arc::new(own.clone()))) }
}

/// Whether both sides agreed on HTTP/2.
pub(crate) fn is_http2(stream: &TlsStream<TcpStream>) -> bool {
    stream.get_ref().1.alpn_protocol() == Some(b"h2")
}
