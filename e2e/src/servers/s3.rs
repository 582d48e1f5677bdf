//! A real S3 server, versitygw, on a temporary folder and a free loopback port, gone when dropped. `scripts/install/s3-server.sh` builds it
//! once and says where it is. It can be killed and started again: what it acknowledged is there again, since it keeps objects as files.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use anyhow::{Context, Result, bail, ensure};

use crate::machine::ports;
use crate::machine::process::{Process, Signal, Spec, run};
use crate::servers::postgres::installation::e2e_folder;
use crate::wait::{PATIENCE, until};

/// The bucket that is there from the beginning.
pub const BUCKET: &str = "history";
pub const REGION: &str = "us-east-1";
pub const ACCESS_KEY: &str = "pganalytics-test";
pub const SECRET_KEY: &str = "not-a-secret-outside-this-test";

/// A server of its own.
#[derive(Debug)]
pub struct S3 {
    pub port: u16,
    address: Ipv4Addr,
    program: PathBuf,
    // Before the folder: the process must be gone when the folder goes.
    process: Option<Process>,
    folder: tempfile::TempDir,
}

impl S3 {
    /// One with an empty [`BUCKET`].
    ///
    /// # Errors
    /// When it cannot be built, or does not answer; with the end of its log.
    pub async fn start() -> Result<Self> {
        Self::start_at(Ipv4Addr::LOCALHOST).await
    }

    /// One that listens at another address of this machine.
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

    /// Starts it again after [`Self::kill`] or [`Self::stop`], on the same port with what it had.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn run(&mut self) -> Result<()> {
        let spec = Spec::new(&self.program, &self.folder.path().join("s3.log"))
            .arguments(["--quiet", "--keep-alive", "--health", "/health", "--region", REGION, "--port"])
            .arguments([format!("{}:{}", self.address, self.port)])
            // Extended attributes are not on every file system that a temporary folder may lie on.
            .arguments(["posix".into(), "--sidecar".into(), self.metadata(), self.root()])
            .environment("ROOT_ACCESS_KEY", ACCESS_KEY)
            .environment("ROOT_SECRET_KEY", SECRET_KEY);
        let mut process = spec.spawn()?;
        let client = reqwest_client()?;
        let answers = async || {
            process.still_running()?;
            let answer = client.get(format!("{}/health", self.endpoint())).send().await.context("ask the S3 server")?;
            ensure!(answer.status().is_success(), "it answered {}", answer.status());
            Ok(Some(()))
        };
        until("the S3 server to answer", PATIENCE, answers).await?;
        self.process = Some(process);
        Ok(())
    }

    /// kill -9.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill();
        }
    }

    /// SIGTERM, and waits for its end.
    ///
    /// # Errors
    /// When it does not end.
    pub fn stop(&mut self) -> Result<()> {
        self.process.take().map_or(Ok(()), |mut process| process.stop().map(|_| ()))
    }

    /// Stops it in the middle of whatever it does, as a store that hangs; [`Self::thaw`] lets it go on.
    ///
    /// # Errors
    /// When it does not run.
    pub fn freeze(&self) -> Result<()> {
        self.process.as_ref().context("the S3 server does not run")?.signal(Signal::STOP)
    }

    /// # Errors
    /// When it does not run.
    pub fn thaw(&self) -> Result<()> {
        self.process.as_ref().context("the S3 server does not run")?.signal(Signal::CONT)
    }

    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://{}:{}", self.address, self.port)
    }

    /// What a client of it is told, in the names that every S3 client knows.
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

    /// The bucket's objects, as the files that they are: for a judge that counts them, and for a test that harms one.
    #[must_use]
    pub fn bucket(&self) -> PathBuf {
        self.root().join(BUCKET)
    }

    /// The bucket is not there any more, until [`Self::bring_bucket_back`].
    ///
    /// # Errors
    /// When it was not there.
    pub fn take_bucket_away(&self) -> Result<()> {
        std::fs::rename(self.bucket(), self.away()).context("take the bucket away")
    }

    /// With all that was in it, and what a request that was under way has put into the folder of its name since.
    ///
    /// # Errors
    /// When it had not been taken away.
    pub fn bring_bucket_back(&self) -> Result<()> {
        let (away, since) = (self.away(), self.bucket().with_extension("since"));
        loop {
            match std::fs::rename(&away, self.bucket()) {
                Err(error) if error.kind() == std::io::ErrorKind::DirectoryNotEmpty => {
                    std::fs::rename(self.bucket(), &since).context("look at what was put there since")?;
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

    /// What it wrote to its log since it was started last.
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

/// Builds it where it is absent; once a process.
fn program() -> Result<PathBuf> {
    static FOUND: OnceLock<std::result::Result<PathBuf, String>> = OnceLock::new();
    FOUND.get_or_init(|| script("install/s3-server.sh").map_err(|error| format!("{error:#}"))).clone().map_err(anyhow::Error::msg)
}

/// The path that a script of `scripts/` prints.
///
/// # Errors
/// When it fails, with what it said.
pub fn script(name: &str) -> Result<PathBuf> {
    let path = e2e_folder().parent().unwrap_or(Path::new("..")).join("scripts").join(name);
    let output = Command::new(&path).output().with_context(|| format!("run {}", path.display()))?;
    if !output.status.success() {
        bail!("{} failed: {}", path.display(), String::from_utf8_lossy(&output.stderr).trim());
    }
    let printed = String::from_utf8(output.stdout).with_context(|| format!("read what {} prints", path.display()))?;
    Ok(PathBuf::from(printed.trim()))
}

fn reqwest_client() -> Result<reqwest::Client> {
    // A second call would be the only error.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().build().context("make an HTTP client")
}
