//! A real S3 server (versitygw) on a temporary folder and a free loopback port. `scripts/install/s3-server.sh` builds the program once. The server
//! keeps objects as files, so after a kill and a new start it has every object that it acknowledged. Dropping the value ends the server.

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use anyhow::{Context, Result, ensure};
use reqwest::Method;

use crate::api::Api;
use crate::machine::ports;
use crate::machine::process::{Process, Signal, Spec, run};
use crate::machine::programs::script;
use crate::wait::{PATIENCE, until};

/// The bucket that every server has.
pub const BUCKET: &str = "history";
pub const REGION: &str = "us-east-1";
pub const ACCESS_KEY: &str = "pganalytics-test";
pub const SECRET_KEY: &str = "not-a-secret-outside-this-test";

/// A running or stopped server.
#[derive(Debug)]
pub struct S3 {
    pub port: u16,
    address: Ipv4Addr,
    program: PathBuf,
    // Fields are dropped in order: the process ends before its folder goes.
    process: Option<Process>,
    folder: tempfile::TempDir,
}

impl S3 {
    /// Starts a server with an empty [`BUCKET`].
    ///
    /// # Errors
    /// If the server cannot be built or does not answer; the error has the end of its log.
    pub async fn start() -> Result<Self> {
        Self::start_at(Ipv4Addr::LOCALHOST).await
    }

    /// Starts a server at another address of this machine.
    ///
    /// # Errors
    /// See [`Self::start`].
    pub async fn start_at(address: Ipv4Addr) -> Result<Self> {
        let program = program()?;
        let folder = tempfile::Builder::new().prefix("pganalytics-s3-").tempdir().context("create a temporary folder")?;
        let mut s3 = Self { port: ports::free()?, address, program, process: None, folder };
        for path in [s3.bucket(), s3.metadata()] {
            std::fs::create_dir_all(&path).with_context(|| format!("create {}", path.display()))?;
        }
        s3.run().await?;
        Ok(s3)
    }

    /// Starts the server again after [`Self::kill`] or [`Self::stop`], on the same port with the same objects.
    ///
    /// # Errors
    /// If the server does not answer.
    pub async fn run(&mut self) -> Result<()> {
        let spec = Spec::new(&self.program, &self.folder.path().join("s3.log"))
            .arguments(["--quiet", "--keep-alive", "--health", "/health", "--region", REGION, "--port"])
            .arguments([format!("{}:{}", self.address, self.port)])
            // Not every file system of a temporary folder has extended attributes.
            .arguments(["posix".into(), "--sidecar".into(), self.metadata(), self.root()])
            .environment("ROOT_ACCESS_KEY", ACCESS_KEY)
            .environment("ROOT_SECRET_KEY", SECRET_KEY);
        let mut process = spec.spawn()?;
        let api = Api::new(&self.endpoint())?;
        let answers = async || {
            process.still_running()?;
            let (status, _) = api.ask(Method::GET, "/health", None).await?;
            ensure!(status.is_success(), "/health answered {status}");
            Ok(Some(()))
        };
        until("the S3 server to answer", PATIENCE, answers).await?;
        self.process = Some(process);
        Ok(())
    }

    /// Sends SIGKILL.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill();
        }
    }

    /// Sends SIGTERM and waits for the end.
    ///
    /// # Errors
    /// If the server does not end.
    pub fn stop(&mut self) -> Result<()> {
        self.process.take().map_or(Ok(()), |mut process| process.stop().map(|_| ()))
    }

    /// Makes the server hang (SIGSTOP) until [`Self::thaw`].
    ///
    /// # Errors
    /// If the server does not run.
    pub fn freeze(&self) -> Result<()> {
        self.process.as_ref().context("the S3 server does not run")?.signal(Signal::STOP)
    }

    /// # Errors
    /// If the server does not run.
    pub fn thaw(&self) -> Result<()> {
        self.process.as_ref().context("the S3 server does not run")?.signal(Signal::CONT)
    }

    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://{}:{}", self.address, self.port)
    }

    /// Variables with which a client gives up on a silent store within seconds. The defaults are much longer.
    #[must_use]
    pub fn short_timeouts() -> Vec<(String, String)> {
        [("AWS_TIMEOUT", "5s"), ("AWS_CONNECT_TIMEOUT", "2s")].map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec()
    }

    /// The environment variables of a client, in the names that every S3 client knows.
    #[must_use]
    pub fn environment(&self) -> Vec<(String, String)> {
        [
            ("AWS_ENDPOINT", self.endpoint().as_str()),
            ("AWS_ALLOW_HTTP", "true"),
            ("AWS_REGION", REGION),
            ("AWS_ACCESS_KEY_ID", ACCESS_KEY),
            ("AWS_SECRET_ACCESS_KEY", SECRET_KEY),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec()
    }

    /// The folder with the bucket's objects as files, for tests that count or damage them.
    #[must_use]
    pub fn bucket(&self) -> PathBuf {
        self.root().join(BUCKET)
    }

    /// Removes the bucket until [`Self::bring_bucket_back`].
    ///
    /// # Errors
    /// If there is no bucket.
    pub fn take_bucket_away(&self) -> Result<()> {
        std::fs::rename(self.bucket(), self.away()).context("take the bucket away")
    }

    /// Brings the bucket back with its objects, and with those that a request in progress has written meanwhile.
    ///
    /// # Errors
    /// If the bucket was not taken away.
    pub fn bring_bucket_back(&self) -> Result<()> {
        let (away, since) = (self.away(), self.bucket().with_extension("since"));
        loop {
            match std::fs::rename(&away, self.bucket()) {
                Err(error) if error.kind() == std::io::ErrorKind::DirectoryNotEmpty => {
                    std::fs::rename(self.bucket(), &since).context("move the objects that were written meanwhile")?;
                    run(Command::new("cp").args(["--archive", "--no-target-directory"]).args([&since, &away]))?;
                    std::fs::remove_dir_all(&since).with_context(|| format!("remove {}", since.display()))?;
                }
                brought => return brought.context("bring the bucket back"),
            }
        }
    }

    fn away(&self) -> PathBuf {
        self.bucket().with_extension("away")
    }

    /// The log since the last start.
    #[must_use]
    pub fn log(&self) -> String {
        self.process.as_ref().map(|process| process.output() + &process.log()).unwrap_or_default()
    }

    fn root(&self) -> PathBuf {
        self.folder.path().join("buckets")
    }

    fn metadata(&self) -> PathBuf {
        self.folder.path().join("metadata")
    }
}

/// Builds the program if it is missing; once per process.
fn program() -> Result<PathBuf> {
    static FOUND: OnceLock<std::result::Result<PathBuf, String>> = OnceLock::new();
    FOUND.get_or_init(|| script("install/s3-server.sh").map_err(|error| format!("{error:#}"))).clone().map_err(anyhow::Error::msg)
}
