//! A hand that ships: a collector whose rows are of its own making, each recognisable by its number; and the judge who counts them.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray, new_null_array};
use bytes::Bytes;
use pganalytics_views::wire::{self, Header, Limits};
use pganalytics_views::{ViewSet, schema};
use reqwest::StatusCode;
use uuid::Uuid;

use crate::backend::{Api, shipment};
use crate::wait::{PATIENCE, until};

/// The view that shipped rows are of: few columns, of every kind.
const VIEW: &str = "pg_stat_archiver";
/// How many rows there are of a server, how many different ones, and the sum of their numbers.
const COUNTED: &str =
    "select count(*), count(distinct archived_count), coalesce(sum(archived_count), 0) from pg_stat_archiver where server = ";

/// Rows, different rows, the sum of their numbers.
pub type Counted = (i64, i64, i64);

/// A collector that ships rows of its own making, each recognisable by its number.
#[derive(Debug)]
pub struct Hand {
    pub collector: Uuid,
    token: String,
    sequence: u64,
}

impl Hand {
    /// # Errors
    /// When the backend makes no token.
    pub async fn new(api: &Api, name: &str) -> Result<Self> {
        Ok(Self { collector: Uuid::new_v4(), token: api.collector_token(name).await?, sequence: 0 })
    }

    /// The next batch: one row of this moment, whose `archived_count` is its sequence.
    ///
    /// # Errors
    /// When it cannot be encoded.
    pub fn next_batch(&mut self) -> Result<Bytes> {
        let ts_us = i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).context("the time")?.as_micros()).context("the time")?;
        self.sequence += 1;
        let views = ViewSet::builtin().context("read the views")?;
        let schema = schema(views.get(VIEW).context("the view of the rows")?);
        let count = self.sequence.cast_signed();
        let columns = schema.fields().iter().map(|field| -> ArrayRef {
            match field.name().as_str() {
                "ts" => Arc::new(TimestampMicrosecondArray::from(vec![ts_us]).with_timezone("UTC")),
                "server" => Arc::new(StringArray::from(vec![self.collector.to_string()])),
                "interval_ms" | "archived_count" => Arc::new(Int64Array::from(vec![count])),
                _ => new_null_array(field.data_type(), 1),
            }
        });
        let columns = columns.collect();
        let rows = RecordBatch::try_new(schema, columns).context("make a row")?;
        let header = Header {
            collector: self.collector,
            collector_name: "hand".into(),
            sequence: self.sequence,
            created_us: ts_us,
            version: env!("CARGO_PKG_VERSION").into(),
            dropped_rows: 0,
            frames: Vec::new(),
        };
        Ok(wire::encode(header, &[(VIEW.to_owned(), rows)], &Limits::default()).context("encode a batch")?.into())
    }

    /// Ships a batch until it is acknowledged, as a collector does; how often it was not.
    ///
    /// # Errors
    /// When it never is.
    pub async fn ship_until_acknowledged(&self, api: &Api, batch: &Bytes) -> Result<u32> {
        let mut failures = 0;
        until("an acknowledgement", PATIENCE, async || {
            if self.ship(api, batch).await.is_some_and(|status| status.is_success()) {
                return Ok(Some(()));
            }
            failures += 1;
            Ok(None)
        })
        .await?;
        Ok(failures)
    }

    /// Ships a batch; the answer's status, or none.
    pub async fn ship(&self, api: &Api, batch: &Bytes) -> Option<StatusCode> {
        Some(shipment(api.client(), &api.url, &self.token, batch.clone()).send().await.ok()?.status())
    }

    /// Batches made so far.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// Rows there are, different ones, and the sum of their numbers, as this API answers.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn counted(&self, api: &Api) -> Result<Counted> {
        let row = api.sql(&format!("{COUNTED}'{}'", self.collector)).await?.pop().context("a row")?;
        let number = |at: usize| row[at].as_i64().or_else(|| row[at].as_str()?.parse().ok()).context("a number");
        Ok((number(0)?, number(1)?, number(2)?))
    }

    /// What [`Self::counted`] is where every batch made so far was acknowledged, and is there once.
    #[must_use]
    pub fn acknowledged(&self) -> Counted {
        let n = self.sequence.cast_signed();
        (n, n, n * (n + 1) / 2)
    }

    /// The judge.
    ///
    /// # Errors
    /// When a row is missing or doubled, or there is no answer.
    pub async fn judge(&self, api: &Api) -> Result<()> {
        let (found, expected) = (self.counted(api).await?, self.acknowledged());
        if found != expected {
            bail!("rows, different ones and their sum are {found:?} at {}, {expected:?} were acknowledged", api.url);
        }
        Ok(())
    }
}
