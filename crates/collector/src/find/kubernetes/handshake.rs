//! Checks whether the peer at an address speaks PostgreSQL.
//!
//! The check is the first message of most clients: the request for TLS. PostgreSQL answers with one byte, `S` or `N`, before it knows who
//! connects. Only PostgreSQL answers `S` or `N`. No answer means that the server is not up yet.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::connect::tls::SSL_REQUEST;

/// A server on the same node answers in microseconds, an overloaded server in seconds.
const DEADLINE: Duration = Duration::from_secs(5);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    PostgreSql,
    /// The peer accepted the connection and answered something else.
    Other,
    /// The peer accepted the connection and closed it without an answer.
    Closed,
    /// The connection was not accepted, or no answer came in time: the server may be starting.
    Nobody,
}

pub(super) async fn ask(address: SocketAddr) -> Answer {
    let exchange = async {
        let Ok(mut stream) = TcpStream::connect(address).await else { return Answer::Nobody };
        if stream.write_all(&SSL_REQUEST).await.is_err() {
            return Answer::Closed;
        }
        match stream.read_u8().await {
            // `E` is an error message before any login, for example of a server that has no free connection.
            Ok(b'S' | b'N' | b'E') => Answer::PostgreSql,
            Ok(_) => Answer::Other,
            Err(_) => Answer::Closed,
        }
    };
    tokio::time::timeout(DEADLINE, exchange).await.unwrap_or(Answer::Nobody)
}
