//! A PostgreSQL server in a temporary folder on a free loopback port. Dropping the value ends the server and removes its data.
//!
//! A server starts from a prepared data folder, with `pg_stat_statements` loaded, I/O timing on, little memory and no fsync. The superuser
//! `postgres` connects without a password; with [`Options::scram`] all other roles need one.

use std::path::Path;

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, kill_process};
use sqlx::postgres::{PgConnectOptions, PgConnection, PgSslMode};
use sqlx::{ConnectOptions, Connection};

use super::data_folder::DataFolder;
use super::installation::Installation;
use super::options::Options;
use super::session::execute;
use crate::machine::ports;
use crate::machine::process::{Process, Signal, Spec};
use crate::wait::{PATIENCE, until};

/// A running or stopped server.
#[derive(Debug)]
pub struct Postgres {
    pub major: u32,
    pub port: u16,
    installation: Installation,
    // Fields are dropped in order: the server ends before its folder goes.
    process: Option<Process>,
    folder: DataFolder,
}

/// How a server is stopped.
#[derive(Debug, Clone, Copy)]
pub enum Ending {
    /// Ends the sessions, writes a checkpoint, keeps the statistics.
    Fast,
    /// Writes no checkpoint: the next start recovers, and the cumulative statistics begin at zero.
    Immediate,
}

impl Postgres {
    /// Starts a server of this major version.
    ///
    /// # Errors
    /// If the server does not start; the error has the end of its log.
    pub async fn start(major: u32) -> Result<Self> {
        Self::start_with(major, Options::default()).await
    }

    /// Starts a server with other options.
    ///
    /// # Errors
    /// See [`Self::start`].
    pub async fn start_with(major: u32, options: Options) -> Result<Self> {
        let installation = Installation::find(major)?;
        let template = installation.template.clone();
        let mut server = Self::prepare(installation, &template)?;
        if let Some(disk) = &options.data {
            server.folder.move_data(disk)?;
        }
        server.folder.configure(&options, server.port)?;
        server.run().await?;
        Ok(server)
    }

    /// Starts a standby of this server. This server is stopped while its data are copied.
    ///
    /// # Errors
    /// If one of the two does not start.
    pub async fn standby(&mut self) -> Result<Self> {
        self.stop(Ending::Fast)?;
        let mut standby = Self::prepare(self.installation.clone(), &self.folder.data())?;
        self.run().await?;
        standby.folder.make_standby(standby.port, self.port)?;
        standby.run().await?;
        Ok(standby)
    }

    fn prepare(installation: Installation, data: &Path) -> Result<Self> {
        let folder = DataFolder::copy_of(data)?;
        Ok(Self { major: installation.major, port: ports::free()?, installation, process: None, folder })
    }

    /// Starts the server again after [`Self::stop`] or [`Self::kill`], on the same port.
    ///
    /// # Errors
    /// If the server does not start.
    pub async fn run(&mut self) -> Result<()> {
        let mut spec = Spec::new(&self.installation.program("postgres"), &self.folder.path().join("postgres.log"))
            .arguments(["-D".into(), self.folder.data()]);
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

    /// Stops the server; its data stay.
    ///
    /// # Errors
    /// If the server does not end.
    pub fn stop(&mut self, ending: Ending) -> Result<()> {
        let Some(mut process) = self.process.take() else { return Ok(()) };
        process.signal(match ending {
            Ending::Fast => Signal::INT,
            Ending::Immediate => Signal::QUIT,
        })?;
        process.join(PATIENCE)?;
        Ok(())
    }

    /// Sends SIGKILL to the postmaster, as if the machine were gone: the next [`Self::run`] recovers. Returns when the sessions, which notice
    /// by themselves, have ended too.
    ///
    /// # Errors
    /// If a session does not end.
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

    /// Kills one session, as the kernel does when memory runs out. The postmaster then ends all other sessions, recovers, and goes on with the
    /// same start time and with counters from zero. Returns when the server accepts connections again.
    ///
    /// # Errors
    /// If the server does not come back.
    pub async fn crash(&mut self) -> Result<()> {
        let (mut victim, mut witness) = (self.connect().await?, self.connect().await?);
        let id: i32 = sqlx::query_scalar("select pg_backend_pid()").fetch_one(&mut victim).await.context("ask for a session's process")?;
        self.signal_session(id, Signal::KILL)?;
        // The postmaster accepts connections until it notices that the victim is gone. Then it ends the witness.
        until("all sessions to be gone", PATIENCE, async || Ok(execute(&mut witness, "select").await.is_err().then_some(()))).await?;
        until("PostgreSQL to recover from a crash", PATIENCE, async || self.connect().await.map(Some)).await?;
        Ok(())
    }

    /// Sends a signal to a session's process, whose id is in `pg_stat_activity.pid`. SIGSTOP makes the session hang until SIGCONT.
    ///
    /// # Errors
    /// If there is no such process.
    pub fn signal_session(&self, pid: i32, signal: Signal) -> Result<()> {
        kill_process(Pid::from_raw(pid).context("a process id")?, signal).context("send a signal to a session")
    }

    /// Makes the server take no writes, or take them again. Returns when a new session knows the setting.
    ///
    /// # Errors
    /// The server's.
    pub async fn set_read_only(&self, on: bool) -> Result<()> {
        let mut session = self.connect().await?;
        let change = format!("alter system set default_transaction_read_only = {on}");
        for sql in ["set default_transaction_read_only = off", &change, "select pg_reload_conf()"] {
            execute(&mut session, sql).await?;
        }
        until("the new setting of default_transaction_read_only", PATIENCE, async || {
            let sql = "select current_setting('default_transaction_read_only')::bool";
            let now: bool = sqlx::query_scalar(sql).fetch_one(&mut self.connect().await?).await?;
            Ok((now == on).then_some(()))
        })
        .await
    }

    /// Makes a standby the primary.
    ///
    /// # Errors
    /// If the server is no standby, or the promotion fails.
    pub async fn promote(&self) -> Result<()> {
        self.execute("do $$ begin assert pg_promote(); end $$").await
    }

    /// Connects as superuser to the database `postgres`.
    ///
    /// # Errors
    /// If the server refuses.
    pub async fn connect(&self) -> Result<PgConnection> {
        self.connect_to("postgres", "postgres", None).await
    }

    /// Connects to a database as a role.
    ///
    /// # Errors
    /// If the server refuses.
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

    /// Runs statements as superuser, over a new connection.
    ///
    /// # Errors
    /// The server's.
    pub async fn execute(&self, sql: &str) -> Result<()> {
        let mut connection = self.connect().await?;
        execute(&mut connection, sql).await?;
        connection.close().await.context("close the connection")
    }

    /// The connection string for a collector that logs in as this role.
    #[must_use]
    pub fn conninfo(&self, user: &str, password: Option<&str>) -> String {
        let password = password.map_or_else(String::new, |password| format!(":{password}"));
        format!("postgres://{user}{password}@127.0.0.1:{}/postgres?sslmode=disable", self.port)
    }

    /// The server's name in the history if the target has no name.
    #[must_use]
    pub fn name(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The server's folder, which has its unix socket too.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Checks that the server has not ended by itself.
    ///
    /// # Errors
    /// If the server has ended by itself.
    pub fn still_running(&mut self) -> Result<()> {
        self.process.as_mut().map_or(Ok(()), Process::still_running)
    }

    /// The log since the last start.
    #[must_use]
    pub fn log(&self) -> String {
        self.process.as_ref().map(Process::log).unwrap_or_default()
    }
}
