//! The command line of the collector: flags, logging and signals. Everything else is in the library.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use pganalytics_collector::{Config, Level, Overrides, Secret};
use tokio_util::sync::CancellationToken;

/// Reads PostgreSQL's statistics views safely and ships them to a pgAnalytics backend.
///
/// Configuration: a TOML file (--config), overridden by PGANALYTICS_* variables, overridden by flags. A target is a connection string as in
/// psql; PG* variables, ~/.pgpass and service files work too. The role needs pg_monitor and nothing else. `pganalytics-collector doctor`
/// reports what is missing, with the exact remedy.
///
/// Example:
///   pganalytics-collector run --backend-url https://pganalytics.example.com --token-file /run/secrets/token \
///     --target "postgresql://pganalytics@db-1:5432/postgres?sslmode=verify-full"
#[derive(Parser)]
#[command(version, verbatim_doc_comment)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
    /// The configuration file
    #[arg(long, global = true, env = "PGANALYTICS_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// A server to read, in addition to the servers of the file; may be repeated
    #[arg(long = "target", global = true, value_name = "CONNINFO")]
    targets: Vec<String>,
    /// The URL of the backend
    #[arg(long, global = true, value_name = "URL")]
    backend_url: Option<String>,
    /// A file with the collector's token
    #[arg(long, global = true, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// A file with an enrolment token, which the collector exchanges for its own credential
    #[arg(long, global = true, value_name = "FILE", conflicts_with = "token_file")]
    enrolment_token_file: Option<PathBuf>,
    /// The folder of batches that are not shipped yet
    #[arg(long, global = true, value_name = "FOLDER")]
    spool: Option<PathBuf>,
    /// The name of this collector
    #[arg(long, global = true)]
    name: Option<String>,
    /// The address of /metrics, /livez and /readyz: ip:port, or off
    #[arg(long, global = true, value_name = "ADDRESS")]
    listen: Option<String>,
    /// The log level: error, warn, info, debug, or filters such as info,pganalytics_collector=debug
    #[arg(long, global = true, env = "PGANALYTICS_LOG", default_value = "info,sqlx=error", value_name = "FILTER")]
    log: String,
    /// The format of the log
    #[arg(long, global = true, env = "PGANALYTICS_LOG_FORMAT", default_value = "text")]
    log_format: LogFormat,
}

#[derive(Subcommand)]
enum Command {
    /// Collect until SIGTERM or SIGINT, then write the remaining rows to the spool and try to ship them
    Run,
    /// Report what keeps the collector from reading or shipping, with remedies; exits with 1 if something is broken
    Doctor,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum LogFormat {
    Text,
    Json,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if let Err(error) = log(&arguments) {
        eprintln!("{error:#}");
        return ExitCode::from(2);
    }
    let overrides = Overrides {
        backend_url: arguments.backend_url,
        token: None::<Secret>,
        token_file: arguments.token_file,
        enrolment_token_file: arguments.enrolment_token_file,
        spool_folder: arguments.spool,
        name: arguments.name,
        listen: arguments.listen,
        targets: arguments.targets,
        ..Overrides::default()
    };
    let config = match Config::load(arguments.config.as_deref(), &overrides) {
        Ok(config) => config,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::from(2);
        }
    };
    // One thread does all the work: it mostly waits, and disk access has its own threads.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let outcome = runtime.map_err(anyhow::Error::from).and_then(|runtime| match arguments.command {
        Command::Run => runtime.block_on(run(config)).map(|()| ExitCode::SUCCESS),
        Command::Doctor => {
            let report = runtime.block_on(pganalytics_collector::doctor(&config));
            print!("{report}");
            Ok(if report.level() == Level::Broken { ExitCode::FAILURE } else { ExitCode::SUCCESS })
        }
    });
    match outcome {
        Ok(code) => code,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(config: Config) -> anyhow::Result<()> {
    let stop = CancellationToken::new();
    let signalled = stop.clone();
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::spawn(async move {
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminate.recv() => {}
        }
        tracing::info!("stopping; a second signal stops the collector at once");
        signalled.cancel();
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminate.recv() => {}
        }
        std::process::exit(1);
    });
    Box::pin(pganalytics_collector::run(config, stop)).await
}

/// Writes the log to stderr.
fn log(arguments: &Arguments) -> anyhow::Result<()> {
    let filter = tracing_subscriber::EnvFilter::try_new(&arguments.log)?;
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match arguments.log_format {
        LogFormat::Text => logs.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr())).init(),
        LogFormat::Json => logs.json().init(),
    }
    Ok(())
}
