//! How a server differs from the default: settings, authentication rules, the place of its data.

use std::path::PathBuf;

/// How a server differs from the default.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Every role but the superuser needs a password.
    pub scram: bool,
    /// Lines for postgresql.conf, after the default lines.
    pub settings: Vec<(String, String)>,
    /// Lines for pg_hba.conf, before the default lines: PostgreSQL takes the first line that matches.
    pub hba: Vec<String>,
    /// The folder for the data, for instance on a small disk. The write-ahead log stays in the server's own folder.
    pub data: Option<PathBuf>,
}

impl Options {
    /// Every role but the superuser needs a password.
    #[must_use]
    pub fn scram(mut self) -> Self {
        self.scram = true;
        self
    }

    /// A line for postgresql.conf.
    #[must_use]
    pub fn set(mut self, name: &str, value: &str) -> Self {
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }

    /// A line for pg_hba.conf, as `host all watcher 127.0.0.1/32 reject`.
    #[must_use]
    pub fn hba(mut self, line: &str) -> Self {
        self.hba.push(line.to_owned());
        self
    }

    /// postgresql.conf, as far as it differs from the file of `initdb`.
    pub(super) fn conf(&self, port: u16, sockets: &std::path::Path) -> String {
        let mut conf = format!("listen_addresses = '127.0.0.1'\nport = {port}\nunix_socket_directories = '{}'\n", sockets.display());
        for (name, value) in DEFAULTS.iter().copied().chain(self.settings.iter().map(|(name, value)| (name.as_str(), value.as_str()))) {
            conf.push_str(&format!("{name} = '{}'\n", value.replace('\'', "''")));
        }
        conf
    }

    /// pg_hba.conf.
    pub(super) fn rules(&self) -> String {
        let first: String = self.hba.iter().map(|line| format!("{line}\n")).collect();
        let others = if self.scram { "scram-sha-256" } else { "trust" };
        format!(
            "{first}\
             local all postgres trust\nhost all postgres 127.0.0.1/32 trust\nhost replication postgres 127.0.0.1/32 trust\n\
             local all all {others}\nhost all all 127.0.0.1/32 {others}\n\
             # Hosts of a network of namespaces; a server on loopback alone has no others.\n\
             host all postgres samenet trust\n"
        )
    }
}

const DEFAULTS: [(&str, &str); 12] = [
    ("shared_preload_libraries", "pg_stat_statements"),
    ("track_io_timing", "on"),
    ("track_functions", "pl"),
    ("track_activity_query_size", "4kB"),
    ("shared_buffers", "16MB"),
    ("max_connections", "60"),
    ("max_wal_size", "256MB"),
    // The data need not survive a power failure, and many tests share the disk.
    ("fsync", "off"),
    ("synchronous_commit", "off"),
    ("full_page_writes", "off"),
    ("log_min_messages", "warning"),
    ("log_line_prefix", "%m [%p] %q%u@%d/%a "),
];
