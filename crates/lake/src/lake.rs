//! The lake itself: opened once, shared by cloning.

use std::sync::Arc;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use pganalytics_views::ViewSet;
use tokio_util::sync::CancellationToken;

use crate::ingest::{Ack, IngestError};
use crate::meta::Meta;
use crate::options::LakeOptions;
use crate::query::{Answer, Query, QueryError, QueryErrorKind};
use crate::shape::Shapes;
use crate::stats::Stats;

/// Queries that run at once; more wait for their turn within their deadline.
pub const QUERIES_AT_ONCE: usize = 4;

/// What a compaction did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Compaction {
    /// Hot batches that became Parquet.
    pub batches: u64,
    /// Their rows.
    pub rows: u64,
    /// Files written, merged ones too.
    pub files: u64,
    /// Bytes written.
    pub bytes: u64,
    /// Small files that merged ones replace.
    pub merged: u64,
}

/// What retention did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Expiry {
    /// Files taken out of the catalog.
    pub files: u64,
    /// Their rows.
    pub rows: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// The history and its SQL. Clones share one lake.
#[derive(Debug, Clone)]
pub struct Lake(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    options: LakeOptions,
    meta: Meta,
    _shapes: Shapes,
}

impl Lake {
    /// Opens the data folder, or makes one.
    ///
    /// # Errors
    /// When the folder cannot be used, another process has it open, or its content is damaged or newer.
    pub async fn open(options: LakeOptions) -> anyhow::Result<Self> {
        std::fs::create_dir_all(&options.folder)?;
        let meta = Meta::open(&options.folder).await?;
        Ok(Self(Arc::new(Inner { _shapes: Shapes::new(&options.views), options, meta })))
    }

    /// Takes a batch. `Ok` means it is on disk and visible to SQL.
    ///
    /// # Errors
    /// See [`IngestError`]; then nothing of the batch was taken.
    pub async fn ingest(&self, _body: Bytes) -> Result<Ack, IngestError> {
        Err(IngestError::Store(anyhow::anyhow!("is being built")))
    }

    /// The tables.
    #[must_use]
    pub fn views(&self) -> &ViewSet {
        &self.0.options.views
    }

    /// Users, sessions, tokens, collectors, servers.
    #[must_use]
    pub fn meta(&self) -> &Meta {
        &self.0.meta
    }

    /// Answers a question.
    ///
    /// # Errors
    /// See [`QueryErrorKind`].
    pub async fn query(&self, _request: Query) -> Result<Answer, QueryError> {
        Err(QueryError::new(QueryErrorKind::Execution, "is being built").hint("wait"))
    }

    /// Turns hot rows into Parquet, and small files into larger ones.
    ///
    /// # Errors
    /// When a file or the store fails; what was done so far stands, and nothing is lost.
    pub async fn compact(&self) -> anyhow::Result<Compaction> {
        Ok(Compaction::default())
    }

    /// Removes the days that are older than the retention.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn expire(&self, _now: DateTime<Utc>) -> anyhow::Result<Expiry> {
        Ok(Expiry::default())
    }

    /// Compaction, retention and the removal of replaced files, until stopped.
    pub async fn run(&self, stop: CancellationToken) {
        stop.cancelled().await;
    }

    /// Figures for `/metrics`.
    pub async fn stats(&self) -> Stats {
        Stats::default()
    }

    /// Readiness: the meta store answers, and the folder can be written.
    ///
    /// # Errors
    /// What is wrong, and what to do about it.
    pub async fn check(&self) -> anyhow::Result<()> {
        self.0.meta.check().await
    }

    /// Waits for what is being written, then lets go of the folder. Later calls fail.
    pub async fn close(&self) {
        self.0.meta.close().await;
    }
}
