//! An Azure Blob server (Azurite) on a temporary folder and a free loopback port. Dropping the value ends the server.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use crate::machine::ports;
use crate::machine::process::{Process, Spec, run};
use crate::machine::programs::{e2e_folder, script};
use crate::wait::{PATIENCE, until};

/// The container that every server has.
pub const CONTAINER: &str = "history";

/// A running server.
#[derive(Debug)]
pub struct Azure {
    pub port: u16,
    // Fields are dropped in order: the process ends before its folder goes.
    _process: Process,
    _folder: tempfile::TempDir,
}

impl Azure {
    /// Starts a server with an empty [`CONTAINER`].
    ///
    /// # Errors
    /// If the server cannot be installed or does not answer; the error has the end of its log.
    pub async fn start() -> Result<Self> {
        let program = script("install/azurite.sh")?;
        let folder = tempfile::Builder::new().prefix("pganalytics-azure-").tempdir().context("create a temporary folder")?;
        let port = ports::free()?;
        let spec = Spec::new(Path::new("node"), &folder.path().join("azurite.log")).arguments([program]).arguments([
            "--blobHost".into(),
            "127.0.0.1".into(),
            "--blobPort".into(),
            port.to_string().into(),
            "--location".into(),
            folder.path().as_os_str().to_owned(),
            "--skipApiVersionCheck".into(),
            "--disableTelemetry".into(),
        ]);
        let mut process = spec.spawn()?;
        until("Azurite to listen", PATIENCE, async || {
            process.still_running()?;
            Ok(process.output().contains("successfully listens").then_some(()))
        })
        .await?;
        let mut container = Command::new("node");
        container.arg(e2e_folder().join("azurite/container.mjs")).args([&port.to_string(), CONTAINER]);
        run(&mut container).context("make a container")?;
        Ok(Self { port, _process: process, _folder: folder })
    }

    /// The environment variables of a client.
    #[must_use]
    pub fn environment(&self) -> Vec<(String, String)> {
        let url = format!("http://127.0.0.1:{}", self.port);
        [("AZURE_STORAGE_USE_EMULATOR", "true"), ("AZURITE_BLOB_STORAGE_URL", url.as_str())]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .to_vec()
    }
}
