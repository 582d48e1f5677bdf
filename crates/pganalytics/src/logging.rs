//! Where log lines go: stderr, as text for people or JSON for machines. stdout is for answers.

use std::io::IsTerminal as _;

use anyhow::Context as _;
use tracing_subscriber::EnvFilter;

/// How a line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum LogFormat {
    Text,
    Json,
}

/// Flags of every subcommand that keeps running.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Log")]
pub(crate) struct LogArgs {
    /// What is logged: error, warn, info, debug, trace, or by module (info,pganalytics_server=debug)
    #[arg(long, global = true, env = "PGANALYTICS_LOG", value_name = "FILTER", default_value = "info")]
    log: String,
    /// How a line looks, on stderr
    #[arg(long, global = true, env = "PGANALYTICS_LOG_FORMAT", value_name = "FORMAT", default_value = "text")]
    log_format: LogFormat,
}

impl LogArgs {
    /// Starts logging for the process.
    pub(crate) fn start(&self) -> anyhow::Result<()> {
        let filter = EnvFilter::try_new(&self.log)
            .with_context(|| format!("read --log '{}': write a level (info), or levels by module (info,sqlx=debug)", self.log))?
            // Who did what is told whatever else is.
            .add_directive(format!("{}=info", pganalytics_server::audit::TARGET).parse().context("follow the audit's lines")?);
        // The engine's and the database driver's own debug lines hold SQL; they stay out unless asked for by name.
        let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
        match self.log_format {
            LogFormat::Text => lines.with_ansi(std::io::stderr().is_terminal()).try_init(),
            LogFormat::Json => lines.json().flatten_event(true).try_init(),
        }
        .map_err(|error| anyhow::anyhow!("start logging: {error}"))
    }
}
