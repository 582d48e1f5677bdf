//! Opens the byte stream to a server: a Unix socket, or TCP with or without TLS.

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};

use crate::connect::conninfo::{Address, Attempt, Encryption, Trust};
use crate::connect::failure::Failure;
use crate::connect::tls;

/// A connection to a server, whatever it is made of.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// Connects to the attempt's host, and encrypts the connection if the attempt asks for it.
pub(super) async fn reach(attempt: &Attempt) -> Result<Box<dyn Stream>, Failure> {
    let port = attempt.host.port;
    match &attempt.host.at {
        Address::Socket(folder) => Ok(Box::new(UnixStream::connect(folder.join(format!(".s.PGSQL.{port}"))).await?)),
        Address::Tcp(name) => {
            let server = TcpStream::connect((name.as_str(), port)).await?;
            server.set_nodelay(true)?;
            encrypt(server, name, &attempt.encryption).await
        }
    }
}

async fn encrypt(mut server: TcpStream, name: &str, encryption: &Encryption) -> Result<Box<dyn Stream>, Failure> {
    let (trust, needed): (&Trust, bool) = match encryption {
        Encryption::Off => return Ok(Box::new(server)),
        Encryption::IfSupported(trust) => (trust, false),
        Encryption::Required(trust) => (trust, true),
    };
    if tls::is_supported(&mut server).await? {
        Ok(Box::new(tls::handshake(server, name, trust).await?))
    } else if needed {
        Err(Failure::Tls("server does not support TLS".into()))
    } else {
        Ok(Box::new(server))
    }
}
