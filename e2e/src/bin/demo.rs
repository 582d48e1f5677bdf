//! The demo: a real PostgreSQL with the workload of a shop, watched by pgAnalytics.
//!
//! ```text
//! demo                               PostgreSQL 18 from npm (or 17), the workload, pganalytics all-in-one
//! TARGET=postgres://… demo           watches that server instead and changes nothing there
//! TARGET=postgres://… WORKLOAD=1 demo   also runs the workload there: needs a superuser and makes the database `shop`
//! DEMO_DATA=folder                   the folder of the history (data/demo); a later run continues it
//! DEMO_PORT=8080                     the port of the web UI, or the next free port
//! ```
//! When the history can be queried, the demo prints one line on standard output: `READY url=… user=… password=… data=…`. All other output goes to
//! standard error. Ctrl-C or SIGTERM ends the demo; only the data folder stays.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use e2e::api::Api;
use e2e::drive::ADMIN;
use e2e::drive::backend::ready_url;
use e2e::machine::ports;
use e2e::machine::process::{Process, Spec};
use e2e::machine::programs::binary;
use e2e::servers::Postgres;
use e2e::servers::postgres::Options;
use e2e::wait::{PATIENCE, until};
use e2e::workload::{Workload, prepare};
use sqlx::ConnectOptions;
use sqlx::postgres::PgConnectOptions;
use tokio::signal::unix::{SignalKind, signal};

const DEFAULT_DATA: &str = "data/demo";
const DEFAULT_PORT: u16 = 8080;
/// The server's name in the history, the same in each run: the port differs.
const NAME: &str = "shop";
/// The versions to try, in this order.
const MAJORS: [u32; 2] = [18, 17];

/// Short intervals: a new user should not wait a minute for the first statement.
const SHORT_INTERVALS: &str = "[collector]\nlisten = \"off\"\nflush = \"5s\"
[view.pg_stat_statements]\ninterval = \"10s\"
[view.pg_stat_statements_text]\ninterval = \"10s\"
[view.pg_stat_user_tables]\ninterval = \"30s\"
[view.pg_stat_user_indexes]\ninterval = \"30s\"
";

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let demo = async {
        let mut demo = Demo::start().await?;
        demo.watch().await
    };
    tokio::select! {
        outcome = demo => outcome,
        _ = interrupt.recv() => Ok(()),
        _ = terminate.recv() => Ok(()),
    }
    // Dropping the demo's future has ended everything that the demo started.
}

/// Fields are dropped in order: first the programs that ask, then the server.
struct Demo {
    pganalytics: Process,
    workload: Option<Workload>,
    postgres: Option<Postgres>,
    // Logs and configuration.
    _folder: tempfile::TempDir,
}

impl Demo {
    async fn start() -> Result<Self> {
        let data = absolute(&std::env::var_os("DEMO_DATA").map_or_else(|| DEFAULT_DATA.into(), PathBuf::from))?;
        let existed = data.exists();
        fs::create_dir_all(&data).with_context(|| format!("create {}: name another folder with DEMO_DATA", data.display()))?;
        say(&if existed { format!("continuing the history in {}", data.display()) } else { format!("new history in {}", data.display()) });

        let (postgres, target, work) = match std::env::var("TARGET").ok().filter(|target| !target.is_empty()) {
            Some(target) => {
                let work = std::env::var("WORKLOAD").is_ok_and(|value| value == "1");
                say("watching TARGET: its role needs pg_monitor; for statements, pg_stat_statements must be in shared_preload_libraries");
                if !work {
                    say("no workload runs on TARGET; WORKLOAD=1 runs one (needs a superuser, creates the database 'shop' and three roles)");
                }
                (None, target, work)
            }
            None => {
                let postgres = some_postgres().await?;
                let target = postgres.conninfo("postgres", None);
                (Some(postgres), target, true)
            }
        };
        let workload = if work { Some(start_workload(&target).await?) } else { None };

        let folder = tempfile::Builder::new()
            .prefix(&format!("pganalytics-demo-{}-", std::process::id()))
            .tempdir()
            .context("create a temporary folder")?;
        let password = password(&data)?;
        let pganalytics = start_pganalytics(folder.path(), &data, &target, &password).await?;
        let mut demo = Self { pganalytics: pganalytics.0, workload, postgres, _folder: folder };
        demo.wait_for_history(&pganalytics.1, &password).await?;
        println!("READY url={} user={ADMIN} password={password} data={}", pganalytics.1, data.display());
        std::io::stdout().flush().context("write the ready line")?;
        say("Ctrl-C stops the demo");
        Ok(demo)
    }

    async fn wait_for_history(&mut self, url: &str, password: &str) -> Result<()> {
        say("waiting for the first history");
        let mut api = Api::new(url)?;
        if let Err(error) = api.log_in(ADMIN, password).await {
            bail!(
                "{error:#}\nthe admin password in the data folder differs from its file demo-password: remove the folder, or name another with DEMO_DATA"
            );
        }
        // The server's state is there within seconds; statements follow with their second reading.
        let newest = "select up, error from pganalytics_server where ts > now() - interval '1 minute' order by ts desc limit 1";
        let down = until("the first history", PATIENCE, async || {
            self.pganalytics.still_running()?;
            let rows = api.sql(newest).await?;
            Ok(rows.first().map(|row| if row[0] == true { None } else { Some(row[1].as_str().unwrap_or_default().to_owned()) }))
        })
        .await
        .map_err(|error| error.context(self.pganalytics.log()))?;
        match down {
            None => Ok(()),
            Some(reason) => bail!("the server does not answer: {reason}"),
        }
    }

    /// Returns an error when a program ends by itself.
    async fn watch(&mut self) -> Result<()> {
        loop {
            self.pganalytics.still_running()?;
            if let Some(postgres) = &mut self.postgres {
                postgres.still_running()?;
            }
            tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        }
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        say("stopping");
        // The workload's sessions end with its tasks; then the fields are dropped in order.
        drop(self.workload.take());
    }
}

async fn some_postgres() -> Result<Postgres> {
    let mut last = None;
    for major in MAJORS {
        say(&format!("starting PostgreSQL {major}"));
        let options = Options::default().set("shared_buffers", "64MB").set("log_lock_waits", "on");
        match Postgres::start_with(major, options).await {
            Ok(postgres) => return Ok(postgres),
            Err(error) => last = Some(error),
        }
    }
    Err(last.context("no PostgreSQL version is known")?)
}

async fn start_workload(target: &str) -> Result<Workload> {
    say("preparing the shop and starting its workload");
    let server: PgConnectOptions = target.parse().context("read TARGET: with WORKLOAD=1 it must be a postgres:// URL")?;
    let server = server.application_name("demo").disable_statement_logging();
    prepare(&server).await.context("prepare the shop; with WORKLOAD=1 the role of TARGET must be a superuser")?;
    Ok(Workload::start(&server))
}

async fn start_pganalytics(folder: &Path, data: &Path, target: &str, password: &str) -> Result<(Process, String)> {
    let wanted = match std::env::var("DEMO_PORT") {
        Ok(port) => port.parse().with_context(|| format!("DEMO_PORT={port} is not a port number"))?,
        Err(_) => DEFAULT_PORT,
    };
    let port = ports::free_from(wanted).with_context(|| format!("no port from {wanted} on is free"))?;
    if port != wanted {
        say(&format!("port {wanted} is in use: taking {port} (DEMO_PORT chooses another port)"));
    }
    let config = folder.join("collector.toml");
    fs::write(&config, format!("[[target]]\nname = {NAME:?}\nconninfo = {target:?}\n{SHORT_INTERVALS}"))
        .context("write the collector's configuration")?;
    say("starting pganalytics");
    let spec = Spec::new(&binary("pganalytics")?, &folder.join("pganalytics.log"))
        .arguments(["all-in-one".into(), "--data".into(), data.to_owned(), "--config".into(), config])
        .arguments(["--listen".to_owned(), format!("127.0.0.1:{port}")])
        .environment("PGANALYTICS_ADMIN_PASSWORD", password);
    let mut process = spec.spawn()?;
    let url = ready_url(&mut process, "pganalytics ready ").await?;
    Ok((process, url))
}

/// The admin's password. The first run makes it and keeps it beside the history.
fn password(data: &Path) -> Result<String> {
    use rand::RngExt as _;
    const LENGTH: usize = 20;
    let path = data.join("demo-password");
    if let Ok(password) = fs::read_to_string(&path) {
        return Ok(password.trim().to_owned());
    }
    let mut random = rand::rng();
    let password: String = (0..LENGTH).map(|_| char::from(random.sample(rand::distr::Alphanumeric))).collect();
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&path)
        .with_context(|| format!("create {}", path.display()))?;
    writeln!(file, "{password}").with_context(|| format!("write {}", path.display()))?;
    Ok(password)
}

fn absolute(path: &Path) -> Result<PathBuf> {
    std::path::absolute(path).with_context(|| format!("find {}", path.display()))
}

fn say(text: &str) {
    eprintln!("demo: {text}");
}
