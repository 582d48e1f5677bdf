//! Whether something at an address speaks PostgreSQL.
//!
//! The question is the one every client begins with: the request for TLS, which PostgreSQL answers with one byte, `S` or `N`, before it
//! knows who asks. Nothing that is no PostgreSQL says either. A server that is not there yet is none that speaks something else.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::connect::tls::SSL_REQUEST;

/// A server on the same node answers in microseconds; one that is overloaded, in seconds.
const DEADLINE: Duration = Duration::from_secs(5);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    PostgreSql,
    /// It took the connection and said something else.
    Other,
    /// It took the connection and closed it without a word.
    Closed,
    /// Nobody took the connection, or nothing was said in time: it may be starting.
    Nobody,
}

pub(super) async fn ask(address: SocketAddr) -> Answer {
    let exchange = async {
        let Ok(mut stream) = TcpStream::connect(address).await else { return Answer::Nobody };
        if stream.write_all(&SSL_REQUEST).await.is_err() {
            return Answer::Closed;
        }
        match stream.read_u8().await {
            // `E`: an error message before any login, as of a server that has no connection left.
            Ok(b'S' | b'N' | b'E') => Answer::PostgreSql,
            Ok(_) => Answer::Other,
            Err(_) => Answer::Closed,
        }
    };
    tokio::time::timeout(DEADLINE, exchange).await.unwrap_or(Answer::Nobody)
}
