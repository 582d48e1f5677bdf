//! Logging to stderr, as text for people or as JSON for programs. stdout is for results.

use std::io::IsTerminal as _;

use anyhow::Context as _;
use tracing_subscriber::EnvFilter;

/// The format of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum LogFormat {
    Text,
    Json,
}

/// The flags of logging.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Log")]
pub(crate) struct LogArgs {
    /// The log level: error, warn, info, debug or trace; or levels by module (info,pganalytics_server=debug)
    #[arg(long, global = true, env = "PGANALYTICS_LOG", value_name = "FILTER", default_value = "info")]
    log: String,
    /// The format of log lines, on stderr
    #[arg(long, global = true, env = "PGANALYTICS_LOG_FORMAT", value_name = "FORMAT", default_value = "text")]
    log_format: LogFormat,
}

impl LogArgs {
    /// Starts logging for the process.
    pub(crate) fn start(&self) -> anyhow::Result<()> {
        let filter = EnvFilter::try_new(&self.log)
            .with_context(|| format!("invalid --log '{}': give a level (info), or levels by module (info,sqlx=debug)", self.log))?
            // The audit log is always written.
            .add_directive(format!("{}=info", pganalytics_server::audit::TARGET).parse().context("enable the audit log")?);
        // Debug lines of the query engine and the database driver contain SQL. The default level leaves them out.
        let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
        match self.log_format {
            LogFormat::Text => lines.with_ansi(std::io::stderr().is_terminal()).try_init(),
            LogFormat::Json => lines.json().flatten_event(true).try_init(),
        }
        .map_err(|error| anyhow::anyhow!("start logging: {error}"))
    }
}
