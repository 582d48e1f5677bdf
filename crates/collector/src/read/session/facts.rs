//! The facts that a server reports at the start of a session.

/// The facts that a server reported at the start of the session.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Facts {
    pub version_num: i64,
    pub encoding: String,
    pub version: String,
    pub database: String,
    pub role: String,
    pub in_recovery: bool,
    pub read_only: bool,
    pub postmaster_start_us: i64,
    /// The server's address of this connection; `None` on a Unix socket.
    pub server_addr: Option<String>,
    /// The TLS version and cipher; `None` if the session is not encrypted or the server does not tell.
    pub tls: Option<String>,
    /// The prefix of each line of the server's log.
    pub log_line_prefix: String,
    /// Whether the server writes its log to files.
    pub logging_collector: bool,
    /// Whether the server runs on Linux.
    pub on_linux: bool,
}

impl Facts {
    /// The server's major version.
    #[must_use]
    pub(crate) fn major(&self) -> u32 {
        u32::try_from(self.version_num / 10_000).unwrap_or_default()
    }
}
