//! What a server says about itself when a session begins.

/// What a server said about itself when the session began.
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
    /// Where it listens for us; `None` on a Unix socket.
    pub server_addr: Option<String>,
    /// Whether the session is encrypted, where the server tells.
    pub tls: Option<String>,
    /// What stands in front of each line of its log.
    pub log_line_prefix: String,
    /// Whether it writes its log to files of its own.
    pub logging_collector: bool,
}

impl Facts {
    /// The major version.
    #[must_use]
    pub(crate) fn major(&self) -> u32 {
        u32::try_from(self.version_num / 10_000).unwrap_or_default()
    }
}
