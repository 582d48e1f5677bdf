//! Real PostgreSQL servers, each in a temporary folder on a free loopback port, gone when dropped.
//!
//! A server starts from a prepared data folder with `pg_stat_statements` loaded and I/O timing on, small and without fsync.
//! Connections from the superuser `postgres` need no password; with [`Options::scram`] all others do.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, kill_process};
use sqlx::postgres::{PgConnectOptions, PgConnection, PgSslMode};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor};

use crate::machine::ports;
use crate::machine::process::{Process, Signal, Spec};
use crate::servers::postgres::installation::{Installation, copy_folder, give_away};
use crate::wait::{PATIENCE, until};

/// What the tests and the demo may ask for.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Everybody but the superuser needs a password.
    pub scram: bool,
    /// Lines for postgresql.conf, after the usual ones.
    pub settings: Vec<(String, String)>,
    /// Its data lie below this folder, on a small disk for instance; the write-ahead log does not.
    pub data: Option<PathBuf>,
}

impl Options {
    #[must_use]
    pub fn scram(mut self) -> Self {
        self.scram = true;
        self
    }

    #[must_use]
    pub fn set(mut self, name: &str, value: &str) -> Self {
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }
}

/// A server of its own.
#[derive(Debug)]
pub struct Postgres {
    pub major: u32,
    pub port: u16,
    installation: Installation,
    // Before the folder: the server must be gone when the folder goes.
    process: Option<Process>,
    folder: tempfile::TempDir,
}

/// How a server ends.
#[derive(Debug, Clone, Copy)]
pub enum Ending {
    /// Sessions are ended, a checkpoint is written, statistics are kept.
    Fast,
    /// No checkpoint: it recovers at the next start, and the cumulative statistics begin anew.
    Immediate,
}

impl Postgres {
    /// A server of this major version.
    ///
    /// # Errors
    /// When it does not start; with the end of its log.
    pub async fn start(major: u32) -> Result<Self> {
        Self::start_with(major, Options::default()).await
    }

    /// A server with other settings.
    ///
    /// # Errors
    /// See [`Self::start`].
    pub async fn start_with(major: u32, options: Options) -> Result<Self> {
        let installation = Installation::find(major)?;
        let template = installation.template.clone();
        let mut server = Self::prepare(installation, &template)?;
        if let Some(disk) = &options.data {
            server.move_data(disk)?;
        }
        server.configure(&options)?;
        server.run().await?;
        Ok(server)
    }

    /// A standby of this server, which is stopped for the moment its data folder is copied.
    ///
    /// # Errors
    /// When either does not start.
    pub async fn standby(&mut self) -> Result<Self> {
        self.stop(Ending::Fast)?;
        let mut standby = Self::prepare(self.installation.clone(), &self.data())?;
        self.run().await?;
        let settings = format!("port = {}\nprimary_conninfo = 'host=127.0.0.1 port={} user=postgres'\n", standby.port, self.port);
        standby.append("postgresql.conf", &settings)?;
        let signal = standby.data().join("standby.signal");
        std::fs::write(&signal, "").with_context(|| format!("write {}", signal.display()))?;
        give_away(&signal)?;
        standby.run().await?;
        Ok(standby)
    }

    /// A connection of the superuser to the database `postgres`.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn connect(&self) -> Result<PgConnection> {
        self.connect_to("postgres", "postgres", None).await
    }

    /// A connection to any database as anybody.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn connect_to(&self, database: &str, user: &str, password: Option<&str>) -> Result<PgConnection> {
        let mut options = PgConnectOptions::new_without_pgpass()
            .host("127.0.0.1")
            .port(self.port)
            .username(user)
            .database(database)
            .application_name("e2e")
            .ssl_mode(PgSslMode::Disable)
            .disable_statement_logging();
        if let Some(password) = password {
            options = options.password(password);
        }
        PgConnection::connect_with(&options)
            .await
            .with_context(|| format!("connect to PostgreSQL {} on port {} as {user}", self.major, self.port))
    }

    /// Runs statements as the superuser, over a connection of its own.
    ///
    /// # Errors
    /// The server's.
    pub async fn execute(&self, sql: &str) -> Result<()> {
        let mut connection = self.connect().await?;
        execute(&mut connection, sql).await?;
        connection.close().await.context("close the connection")
    }

    /// How a collector reaches it, as this user.
    #[must_use]
    pub fn conninfo(&self, user: &str, password: Option<&str>) -> String {
        let password = password.map_or_else(String::new, |password| format!(":{password}"));
        format!("postgres://{user}{password}@127.0.0.1:{}/postgres?sslmode=disable", self.port)
    }

    /// Its name where nobody gave it one.
    #[must_use]
    pub fn name(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The folder of its unix socket, too.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Ends it; its data stay.
    ///
    /// # Errors
    /// When it does not end.
    pub fn stop(&mut self, ending: Ending) -> Result<()> {
        let Some(mut process) = self.process.take() else { return Ok(()) };
        process.signal(match ending {
            Ending::Fast => Signal::INT,
            Ending::Immediate => Signal::QUIT,
        })?;
        process.join(PATIENCE)?;
        Ok(())
    }

    /// kill -9 of the whole server, as a machine that is gone has it: it recovers at the next [`Self::run`]. Returns when its
    /// sessions, which notice that by themselves, are gone too.
    ///
    /// # Errors
    /// When one of them does not go.
    pub async fn kill(&mut self) -> Result<()> {
        let Some(mut process) = self.process.take() else { return Ok(()) };
        let id = process.id();
        let children = std::fs::read_to_string(format!("/proc/{id}/task/{id}/children")).context("list the server's processes")?;
        process.kill();
        until("the killed server's processes to be gone", PATIENCE, async || {
            let alive = children.split_whitespace().find(|child| {
                let command = std::fs::read_to_string(format!("/proc/{child}/comm")).unwrap_or_default();
                command.trim_end() == "postgres"
            });
            Ok(alive.is_none().then_some(()))
        })
        .await
    }

    /// Starts it again after [`Self::stop`] or [`Self::kill`], on the same port.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn run(&mut self) -> Result<()> {
        let mut spec = Spec::new(&self.installation.program("postgres"), &self.folder.path().join("postgres.log"))
            .arguments(["-D".into(), self.data()]);
        spec.unprivileged = true;
        spec.farewell = Signal::QUIT;
        let mut process = spec.spawn()?;
        let what = format!("PostgreSQL {} to accept connections", self.major);
        let ready = async || {
            process.still_running()?;
            self.connect().await.map(Some)
        };
        let connection = match until(&what, PATIENCE, ready).await {
            Ok(connection) => connection,
            Err(error) => bail!("{error:#}\n{}", process.log()),
        };
        connection.close().await.context("close the first connection")?;
        self.process = Some(process);
        Ok(())
    }

    /// Kills one of its sessions, as the kernel does when memory runs out: the postmaster ends all others, recovers, and goes on
    /// with the same start time and with counters from zero. Returns when it answers again.
    ///
    /// # Errors
    /// When it does not come back.
    pub async fn crash(&mut self) -> Result<()> {
        let (mut victim, mut witness) = (self.connect().await?, self.connect().await?);
        let id: i32 = sqlx::query_scalar("select pg_backend_pid()").fetch_one(&mut victim).await.context("ask for a session's process")?;
        let id = Pid::from_raw(id).context("a process id")?;
        kill_process(id, Signal::KILL).context("kill a session")?;
        // The victim is gone before the postmaster knows, and until then it lets others in. It ends the witness because it knows.
        until("all sessions to be gone", PATIENCE, async || Ok(execute(&mut witness, "select").await.is_err().then_some(()))).await?;
        until("PostgreSQL to recover from a crash", PATIENCE, async || self.connect().await.map(Some)).await?;
        Ok(())
    }

    /// Makes a standby the primary.
    ///
    /// # Errors
    /// When it is none, or does not become one.
    pub async fn promote(&self) -> Result<()> {
        self.execute("do $$ begin assert pg_promote(); end $$").await
    }

    /// An error where it has ended by itself.
    ///
    /// # Errors
    /// See above.
    pub fn still_running(&mut self) -> Result<()> {
        self.process.as_mut().map_or(Ok(()), Process::still_running)
    }

    /// What it wrote to its log.
    #[must_use]
    pub fn log(&self) -> String {
        self.process.as_ref().map(Process::log).unwrap_or_default()
    }

    fn prepare(installation: Installation, data: &Path) -> Result<Self> {
        let folder = tempfile::Builder::new()
            .prefix(&format!("pganalytics-pg-{}-", std::process::id()))
            .tempdir()
            .context("create a temporary folder")?;
        give_away(folder.path())?;
        copy_folder(data, &folder.path().join("data"))?;
        let server = Self { major: installation.major, port: ports::free()?, installation, process: None, folder };
        Ok(server)
    }

    /// Puts the data onto another disk. The log stays: without room for it the server would end itself, which is another fault.
    fn move_data(&self, disk: &Path) -> Result<()> {
        let (from, to) = (self.data(), disk.join("data"));
        copy_folder(&from, &to)?;
        let log = self.folder.path().join("wal");
        std::fs::rename(from.join("pg_wal"), &log).context("move the write-ahead log")?;
        std::fs::remove_dir_all(&from).with_context(|| format!("remove {}", from.display()))?;
        std::fs::remove_dir_all(to.join("pg_wal")).context("remove the write-ahead log's copy")?;
        for (target, link) in [(&log, to.join("pg_wal")), (&to, from)] {
            std::os::unix::fs::symlink(target, &link).with_context(|| format!("link {}", link.display()))?;
        }
        Ok(())
    }

    fn configure(&self, options: &Options) -> Result<()> {
        let mut settings =
            format!("listen_addresses = '127.0.0.1'\nport = {}\nunix_socket_directories = '{}'\n", self.port, self.folder.path().display());
        for (name, value) in USUAL.iter().copied().chain(options.settings.iter().map(|(name, value)| (name.as_str(), value.as_str()))) {
            settings.push_str(&format!("{name} = '{}'\n", value.replace('\'', "''")));
        }
        self.append("postgresql.conf", &settings)?;
        let others = if options.scram { "scram-sha-256" } else { "trust" };
        let rules = format!(
            "local all postgres trust\nhost all postgres 127.0.0.1/32 trust\nhost replication postgres 127.0.0.1/32 trust\n\
             local all all {others}\nhost all all 127.0.0.1/32 {others}\n\
             # Hosts of a network of namespaces; on loopback alone there is no other.\n\
             host all postgres samenet trust\n"
        );
        let path = self.data().join("pg_hba.conf");
        std::fs::write(&path, rules).with_context(|| format!("write {}", path.display()))
    }

    fn append(&self, file: &str, text: &str) -> Result<()> {
        let path = self.data().join(file);
        let mut whole = std::fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
        whole.push_str(text);
        std::fs::write(&path, whole).with_context(|| format!("write {}", path.display()))
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }
}

/// Runs statements, one or several, without parameters.
///
/// # Errors
/// The server's.
pub async fn execute(connection: &mut PgConnection, sql: &str) -> Result<()> {
    connection.execute(sqlx::raw_sql(AssertSqlSafe(sql))).await.with_context(|| format!("run {}", head(sql)))?;
    Ok(())
}

/// How long a statement that must wait is given before it counts as waiting for ever.
pub const STATEMENT: Duration = Duration::from_secs(30);

const USUAL: [(&str, &str); 12] = [
    ("shared_preload_libraries", "pg_stat_statements"),
    ("track_io_timing", "on"),
    ("track_functions", "pl"),
    ("track_activity_query_size", "4kB"),
    ("shared_buffers", "16MB"),
    ("max_connections", "60"),
    ("max_wal_size", "256MB"),
    // Nothing here needs to survive a power failure, and the disk is shared by many tests.
    ("fsync", "off"),
    ("synchronous_commit", "off"),
    ("full_page_writes", "off"),
    ("log_min_messages", "warning"),
    ("log_line_prefix", "%m [%p] %q%u@%d/%a "),
];

fn head(sql: &str) -> String {
    const SHOWN: usize = 120;
    sql.trim().chars().take(SHOWN).collect()
}
