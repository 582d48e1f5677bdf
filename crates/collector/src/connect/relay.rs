//! Connects sqlx to a server over a stream that this room opens.
//!
//! # Why
//! sqlx takes an address and no stream. Its TLS trusts the system's authorities in addition to the given ones, and its login answers whatever
//! the server asks for. So this room connects, encrypts and watches the login, and sqlx speaks to it over a [socket that only this process
//! can reach](super::private_socket). No port is opened on this machine.

use std::sync::{Arc, OnceLock};

use sqlx::Connection as _;
use sqlx::postgres::{PgConnection, PgSslMode};
use tokio::io::{AsyncWriteExt as _, BufReader};
use tokio::net::UnixStream;

use crate::connect::conninfo::{Attempt, RequireAuth};
use crate::connect::failure::Failure;
use crate::connect::gate::{self, Login};
use crate::connect::private_socket::PrivateSocket;
use crate::connect::reach::{Stream, reach};

/// Bytes of answers that are held. While the reader is slow, the server is held back by its own connection.
const BUFFER: usize = 16 << 10;

/// Connects to a server and logs in.
///
/// # Errors
/// See [`Failure`].
pub(crate) async fn connect(attempt: &Attempt) -> Result<PgConnection, Failure> {
    let server = reach(attempt).await?;
    let socket = PrivateSocket::new(attempt.host.port)?;
    let options = attempt.options.0.clone().socket(socket.folder()).ssl_mode(PgSslMode::Disable);
    let (allowed, refused) = (attempt.require_auth, Arc::new(OnceLock::new()));
    let reason = Arc::clone(&refused);
    let serving = async {
        let client = socket.accept().await?;
        // The relay ends when the client has ended, or when a connection breaks; the other side then sees a closed connection.
        tokio::spawn(async move { relay(client, server, allowed, &reason).await });
        Ok::<_, Failure>(())
    };
    let connecting = async { Box::pin(PgConnection::connect_with(&options)).await.map_err(Failure::Client) };
    match tokio::try_join!(connecting, serving) {
        Ok((connection, ())) => Ok(connection),
        Err(failure) => Err(refused.get().cloned().map_or(failure, Failure::Method)),
    }
}

async fn relay(client: UnixStream, server: Box<dyn Stream>, allowed: RequireAuth, refused: &OnceLock<String>) -> std::io::Result<()> {
    let (mut from_client, mut to_client) = client.into_split();
    let (from_server, mut to_server) = tokio::io::split(server);
    let mut from_server = BufReader::with_capacity(BUFFER, from_server);
    let requests = async {
        // Unlike `copy_buf`, `copy` flushes before it waits: TLS may hold a part of the request.
        tokio::io::copy(&mut from_client, &mut to_server).await?;
        to_server.shutdown().await
    };
    let answers = async {
        match gate::login(&mut from_server, &mut to_client, allowed).await? {
            Login::Complete => {
                tokio::io::copy_buf(&mut from_server, &mut to_client).await?;
            }
            Login::Closed => {}
            Login::Refused(why) => {
                let _ = refused.set(why);
                return Err(std::io::ErrorKind::PermissionDenied.into());
            }
        }
        to_client.shutdown().await?;
        // The client has yet to read the last answer.
        std::future::pending().await
    };
    // A client that is gone needs no answer, and a server that is silent would never give one.
    tokio::select! {
        ended = requests => ended,
        ended = answers => ended,
    }
}
