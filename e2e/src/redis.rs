//! A Redis server in a temporary folder on a free loopback port, gone when dropped. It keeps nothing on disk, as a cache does.

use anyhow::{Context, Result, ensure};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::balancer::program;
use crate::ports;
use crate::process::{Process, Spec};
use crate::wait::{PATIENCE, until};

/// A server of its own.
#[derive(Debug)]
pub struct Redis {
    pub port: u16,
    process: Option<Process>,
    folder: tempfile::TempDir,
}

impl Redis {
    /// # Errors
    /// When it is not installed or does not answer.
    pub async fn start() -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("pganalytics-redis-").tempdir().context("create a temporary folder")?;
        let mut redis = Self { port: ports::free()?, process: None, folder };
        redis.run().await?;
        Ok(redis)
    }

    /// Starts it again after [`Self::kill`] or [`Self::stop`], empty, on the same port.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn run(&mut self) -> Result<()> {
        let spec = Spec::new(&program("redis-server")?, &self.folder.path().join("redis.log"))
            .arguments(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--port"])
            .arguments([self.port.to_string().into(), "--dir".into(), self.folder.path().as_os_str().to_owned()]);
        let mut process = spec.spawn()?;
        let answers = async || {
            process.still_running()?;
            ensure!(ping(self.port).await? == "+PONG\r\n", "it did not answer PONG");
            Ok(Some(()))
        };
        until("Redis to answer", PATIENCE, answers).await?;
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

    /// How a backend reaches it.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }
}

async fn ping(port: u16) -> Result<String> {
    let mut stream = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.context("connect to Redis")?;
    stream.write_all(b"PING\r\n").await.context("write to Redis")?;
    let mut answer = [0; 7];
    stream.read_exact(&mut answer).await.context("read from Redis")?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}
