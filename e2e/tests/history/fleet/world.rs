//! A small, fast fleet and a backend for it.

use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Result, ensure};
use e2e::api::shipment;
use e2e::drive::{Backend, Settings};
use e2e::fleet::judge::{Verdict, judge};
use e2e::fleet::ledger::History;
use e2e::fleet::{Endpoint, Shape, Token};
use reqwest::StatusCode;

fn now_us() -> Result<i64> {
    Ok(i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_micros())?)
}

/// A small, fast fleet: a minute of its time takes a second, and its time began an hour ago.
pub(super) fn shape() -> Result<Shape> {
    let shape = Shape { collectors: 4, servers: 3, statements: 60, tables: 10, speed: 60.0, ..Shape::new(42, 12, now_us()?) };
    Ok(Shape { origin_us: shape.origin_us - 3_600_000_000, ..shape })
}

/// A backend, and a place for a ledger.
pub(super) struct World {
    pub(super) backend: Backend,
    pub(super) endpoint: Endpoint,
    pub(super) ledger: PathBuf,
    _folder: tempfile::TempDir,
}

impl World {
    pub(super) async fn start() -> Result<Self> {
        // Compaction runs each second, so that kills hit compactions too.
        let backend = Backend::start_with(Settings::flags(&["--compact-every", "1s"])).await?;
        let token = Token(backend.collector_token("fleet").await?);
        let endpoint = Endpoint { urls: vec![backend.api.url.clone()], token, ca: None };
        let folder = tempfile::tempdir()?;
        Ok(Self { backend, endpoint, ledger: folder.path().join("ledger"), _folder: folder })
    }

    /// Ships a batch that belongs to no running fleet.
    pub(super) async fn ship(&self, body: Vec<u8>) -> Result<()> {
        let api = &self.backend.api;
        let answer = shipment(api.client(), &api.url, &self.endpoint.token.0, body.into()).send().await?;
        ensure!(answer.status() == StatusCode::OK, "{}", answer.text().await?);
        Ok(())
    }

    pub(super) async fn judge(&self) -> Result<Verdict> {
        judge(&self.backend.api, &History::read(&self.ledger)?, false).await
    }
}
