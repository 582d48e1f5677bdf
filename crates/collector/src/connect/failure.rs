//! Why no connection to a server could be made.

use std::io;

/// Why no connection to a server could be made.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The server did not answer, or the connection broke.
    Io(io::Error),
    /// The server has no TLS, or a certificate that is not trusted.
    Tls(String),
    /// The server verifies logins in a way that `require_auth` does not allow. Holds the problem and the remedy.
    Method(String),
    /// The client's error, usually the server's own refusal.
    Client(sqlx::Error),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        // Errors of rustls arrive as `InvalidData`: the server or its certificate is not the expected one.
        if error.kind() == io::ErrorKind::InvalidData { Self::Tls(error.to_string()) } else { Self::Io(error) }
    }
}
