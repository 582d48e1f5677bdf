//! `doctor`: checks whether the backend would work here, and the collector if one is configured. Every problem has a remedy.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use chrono::{DateTime, Utc};
use pganalytics_collector::{Level, Token};

use crate::access::{Access, collector_token_file};
use crate::backend::BackendArgs;
use crate::client::is_alive;
use crate::command::collect::Flags;
use crate::output;

/// Check the configuration, the data folder, the backend and the monitored servers
///
/// All checks work like the backend and the collector, and change nothing. Each problem is shown with its remedy. If there are problems,
/// the exit status is 1.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    pganalytics doctor\n  \
    pganalytics doctor \"postgresql://pganalytics@db-1:5432/postgres?sslmode=verify-full\"")]
pub(crate) struct Args {
    /// The backend's configuration (TOML with a table `[backend]`)
    #[arg(long, env = "PGANALYTICS_BACKEND_CONFIG", value_name = "FILE")]
    backend_config: Option<PathBuf>,
    #[command(flatten)]
    backend: BackendArgs,
    #[command(flatten)]
    collector: Flags,
}

/// The findings, one line each.
#[derive(Default)]
struct Findings {
    failed: bool,
}

impl Findings {
    fn good(&self, what: &str, detail: &str) -> anyhow::Result<()> {
        output::line(format!("ok    {what}: {detail}"))
    }

    fn warn(&self, what: &str, detail: &str) -> anyhow::Result<()> {
        output::line(format!("warn  {what}: {detail}"))
    }

    fn fail(&mut self, what: &str, detail: &str) -> anyhow::Result<()> {
        self.failed = true;
        output::line(format!("FAIL  {what}: {detail}"))
    }
}

pub(crate) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let mut findings = Findings::default();
    let running = backend(&args, &mut findings).await?;
    if args.collector.is_given() {
        Box::pin(collector(args.collector, &args.backend.data, running, &mut findings)).await?;
    }
    Ok(if findings.failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Checks the backend. Returns the URL of the running backend.
async fn backend(args: &Args, findings: &mut Findings) -> anyhow::Result<Option<String>> {
    let data = &args.backend.data;
    match args.backend.lake() {
        Ok(options) => findings.good("settings", &format!("{} views", options.views.iter().len()))?,
        Err(error) => findings.fail("settings", &format!("{error:#}"))?,
    }
    folder(data, findings)?;
    let running = match Access::read(data) {
        Ok(Some(access)) => match access.url.parse() {
            Ok(url) => is_alive(&url).await.then_some(access.url),
            Err(_) => None,
        },
        Ok(None) => None,
        Err(error) => {
            findings.fail("cli.json", &format!("{error:#}"))?;
            None
        }
    };
    if let Some(url) = &running {
        findings.good("backend", &format!("runs at {url}"))?;
    } else {
        match pganalytics_server::bind(args.backend.listen).await {
            Ok(_) => findings.good("listen", &format!("{} is free; no backend runs on this folder", args.backend.listen))?,
            Err(error) => findings.fail("listen", &format!("{error:#}"))?,
        }
    }
    match args.backend.tls() {
        Ok(None) => {}
        Ok(Some(tls)) => {
            let expires = DateTime::from_timestamp(tls.figures().expires, 0).unwrap_or(DateTime::<Utc>::MAX_UTC);
            let day = expires.format("%Y-%m-%d %H:%M UTC");
            if expires < Utc::now() {
                findings.fail("TLS", &format!("the certificate expired on {day}: renew it"))?;
            } else {
                findings.good("TLS", &format!("the certificate is valid until {day}"))?;
            }
        }
        Err(error) => findings.fail("TLS", &format!("{error:#}"))?,
    }
    Ok(running)
}

/// Checks that the folder can be written, and that only its owner has access.
fn folder(data: &Path, findings: &mut Findings) -> anyhow::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let what = format!("data folder {}", data.display());
    let Ok(metadata) = std::fs::metadata(data) else {
        return findings.good(&what, "does not exist yet; the backend creates it");
    };
    if !metadata.is_dir() {
        return findings.fail(&what, "not a folder: choose another with --data");
    }
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        findings.warn(&what, &format!("other users have access (mode {mode:o}): chmod 700 {}", data.display()))?;
    }
    let probe = data.join(format!(".doctor-{}", std::process::id()));
    match std::fs::write(&probe, b"").and_then(|()| std::fs::remove_file(&probe)) {
        Ok(()) => findings.good(&what, "writable"),
        Err(error) => findings.fail(&what, &format!("not writable ({error}): make the backend's user the owner")),
    }
}

/// Runs the collector's own checks. If no backend is named, they use the backend on this folder. If no backend has run there yet, only the
/// monitored servers are checked.
async fn collector(flags: Flags, data: &Path, running: Option<String>, findings: &mut Findings) -> anyhow::Result<()> {
    let named = flags.names_backend();
    let token_file = collector_token_file(data);
    let has_own = running.is_some() && token_file.exists();
    let spool =
        if has_own { data.join("spool") } else { std::env::temp_dir().join(format!("pganalytics-doctor-{}", uuid::Uuid::new_v4())) };
    let url = running.as_deref().unwrap_or("http://127.0.0.1").parse().context("read the url in cli.json")?;
    let default = pganalytics_collector::Backend::new(url, Token::File(token_file));
    let config = match flags.load((default, spool.clone())) {
        Ok(config) => config,
        Err(error) => return findings.fail("collector", &format!("{error:#}")),
    };
    let mut report = pganalytics_collector::doctor(&config).await;
    if !named && !has_own {
        report.findings.retain(|finding| !matches!(finding.subject.as_str(), "backend" | "spool"));
        let _ = std::fs::remove_dir_all(&spool);
    }
    findings.failed |= report.level() == Level::Broken;
    output::print(report.to_string())
}
