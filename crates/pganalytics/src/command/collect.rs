//! `collect`: only the collector, for a backend elsewhere. This is the same as the much smaller binary `pganalytics-collector`.

use std::path::PathBuf;

use pganalytics_collector::{Config, Overrides, Secret};

use crate::signals::stop_on_signal;

/// Run only a collector, which ships to a backend elsewhere
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  \
    PGANALYTICS_BACKEND_TOKEN_FILE=/run/secrets/token pganalytics collect --backend-url https://pganalytics.example.com \\\n    \
    \"postgresql://pganalytics@db-1:5432/postgres?sslmode=verify-full\"")]
pub(crate) struct Args {
    #[command(flatten)]
    flags: Flags,
}

/// The flags of `collect` and `doctor`. A flag overrides its variable and the file.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Collector")]
pub(crate) struct Flags {
    /// Servers to read, as connection strings of psql: a URL or "host=… user=…"
    #[arg(value_name = "CONNINFO")]
    targets: Vec<String>,
    /// The collector's configuration (TOML)
    #[arg(long, env = "PGANALYTICS_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// The backend's address
    #[arg(long, env = "PGANALYTICS_BACKEND_URL", value_name = "URL")]
    backend_url: Option<String>,
    /// A file with the collector's token; PGANALYTICS_BACKEND_TOKEN holds the token itself
    #[arg(long, env = "PGANALYTICS_BACKEND_TOKEN_FILE", value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// A file with an enrolment token, which the collector exchanges for its own credential;
    /// PGANALYTICS_BACKEND_ENROLMENT_TOKEN holds the token itself
    #[arg(long, env = "PGANALYTICS_BACKEND_ENROLMENT_TOKEN_FILE", value_name = "FILE", conflicts_with = "token_file")]
    enrolment_token_file: Option<PathBuf>,
    /// The folder for batches that the backend has not acknowledged yet
    #[arg(long, env = "PGANALYTICS_SPOOL_FOLDER", value_name = "DIR")]
    spool: Option<PathBuf>,
    /// The collector's name
    #[arg(long, env = "PGANALYTICS_COLLECTOR_NAME", value_name = "NAME")]
    name: Option<String>,
    /// The address of the collector's /metrics; 'off' disables it
    #[arg(long, env = "PGANALYTICS_COLLECTOR_LISTEN", value_name = "IP:PORT")]
    collector_listen: Option<String>,
}

impl Flags {
    /// Whether any flag names a collector's settings.
    pub(crate) fn is_given(&self) -> bool {
        self.config.is_some() || self.backend_url.is_some() || !self.targets.is_empty()
    }

    /// Whether a backend is named, by a flag or in the file. A file for `all-in-one` names none.
    pub(crate) fn names_backend(&self) -> bool {
        self.backend_url.is_some() || self.config.as_deref().is_some_and(has_backend)
    }

    /// The configuration for `doctor`: with the named backend, or else with the given one.
    pub(crate) fn load(self, default: (pganalytics_collector::Backend, PathBuf)) -> anyhow::Result<Config> {
        let spool = self.spool.clone();
        if self.names_backend() {
            return self.config(None, spool);
        }
        // As `all-in-one` reads the file: with its own backend, and also without a target.
        let (backend, folder) = default;
        self.config(Some(backend), Some(spool.unwrap_or(folder)))
    }

    fn config(self, backend: Option<pganalytics_collector::Backend>, spool_folder: Option<PathBuf>) -> anyhow::Result<Config> {
        let targets_optional = backend.is_some();
        let overrides = Overrides {
            backend,
            backend_url: self.backend_url,
            token: None::<Secret>,
            token_file: self.token_file,
            enrolment_token_file: self.enrolment_token_file,
            spool_folder,
            name: self.name,
            listen: self.collector_listen,
            targets: self.targets,
            targets_optional,
        };
        Ok(Config::load(self.config.as_deref(), &overrides)?)
    }
}

pub(crate) async fn run(args: Args) -> anyhow::Result<()> {
    let spool = args.flags.spool.clone();
    let config = args.flags.config(None, spool)?;
    let stop = stop_on_signal()?;
    Box::pin(pganalytics_collector::run(config, stop)).await
}

/// Whether a configuration file has a table `[backend]`. A file that cannot be read has none here; reading it again tells why.
fn has_backend(file: &std::path::Path) -> bool {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    text.parse::<toml::Table>().is_ok_and(|table| table.contains_key("backend"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_for_all_in_one_is_read_without_a_backend_and_without_a_target() -> anyhow::Result<()> {
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("collector.toml");
        std::fs::write(&file, "[view.pg_stat_io]\ninterval = '30s'\n")?;
        let flags = Flags { config: Some(file.clone()), ..Flags::default() };
        assert!(!flags.names_backend());
        let backend = pganalytics_collector::Backend::new("http://127.0.0.1".parse()?, pganalytics_collector::Token::File("token".into()));
        assert!(flags.load((backend, folder.path().join("spool")))?.targets.is_empty());
        std::fs::write(&file, "[backend]\nurl = 'https://pganalytics.example.com'\n")?;
        assert!(Flags { config: Some(file), ..Flags::default() }.names_backend());
        Ok(())
    }
}
