//! A lake in a temporary folder.

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use pganalytics_lake::arrow::util::pretty::pretty_format_batches;
use pganalytics_lake::{Ack, IngestError, Lake, LakeOptions, Query, QueryError};
use tempfile::TempDir;

use crate::folders::copy;
use crate::views::views;

/// A lake and its folder.
pub(crate) struct World {
    pub(crate) folder: TempDir,
    pub(crate) lake: Lake,
}

pub(crate) fn options(folder: &Path) -> LakeOptions {
    let mut options = LakeOptions::new(folder, views());
    options.query_memory = 16 << 20;
    options.query_deadline = Duration::from_secs(60);
    options
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut LakeOptions)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut options = options(folder.path());
        change(&mut options);
        let lake = Lake::open(options).await.unwrap();
        Self { folder, lake }
    }

    pub(crate) async fn reopened(self) -> Self {
        self.lake.close().await;
        let Self { folder, lake } = self;
        drop(lake);
        let lake = Lake::open(options(folder.path())).await.unwrap();
        Self { folder, lake }
    }

    /// Copies the folder as a crash at this moment would leave it.
    pub(crate) fn crash_image(&self) -> TempDir {
        let image = tempfile::tempdir().unwrap();
        copy(self.folder.path(), image.path());
        image
    }

    /// The number of files and of rows in files of one table.
    pub(crate) async fn files_of(&self, table: &str) -> (u64, u64) {
        let stats = self.lake.stats().await;
        let of = stats.tables.iter().find(|of| of.view == table).unwrap();
        (of.files, of.file_rows)
    }

    pub(crate) async fn ingest(&self, body: Bytes) -> Result<Ack, IngestError> {
        self.lake.ingest(body).await
    }

    pub(crate) async fn query(&self, sql: &str) -> Result<String, QueryError> {
        query(&self.lake, sql).await
    }

    pub(crate) async fn one(&self, sql: &str) -> String {
        one(&self.lake, sql).await
    }
}

pub(crate) async fn query(lake: &Lake, sql: &str) -> Result<String, QueryError> {
    let answer = lake.query(Query::new(sql)).await?;
    Ok(pretty_format_batches(&answer.batches).unwrap().to_string())
}

/// The only value of an answer, as text.
pub(crate) async fn one(lake: &Lake, sql: &str) -> String {
    let table = query(lake, sql).await.unwrap();
    let line = table.lines().nth(3).unwrap_or_else(|| panic!("no row of {sql}: {table}"));
    line.trim_matches(['|', ' ']).to_owned()
}
