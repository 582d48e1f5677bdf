//! A hand that ships: a collector whose rows are of its own making, each recognisable by its number; and the judge who counts them.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray, new_null_array};
use bytes::Bytes;
use pganalytics_views::enrol::{CREDENTIAL_PREFIX, ENROL, ROTATE};
use pganalytics_views::wire::{self, Header, Limits};
use pganalytics_views::{ViewSet, schema};
use reqwest::StatusCode;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::drive::backend::{Api, shipment};
use crate::judge::tally::Tally;
use crate::wait::{PATIENCE, until};

/// The view that shipped rows are of: few columns, of every kind.
const VIEW: &str = "pg_stat_archiver";
/// How many rows there are of a server, how many different ones, and the sum of their numbers.
const COUNTED: &str =
    "select count(*), count(distinct archived_count), coalesce(sum(archived_count), 0) from pg_stat_archiver where server = ";

/// A client gives an answer up after this; collectors have more patience, and tests are not to wait for it.
const ANSWER: Duration = Duration::from_secs(10);

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

    /// One with a credential of its own, enrolled with this token.
    ///
    /// # Errors
    /// When the backend does not enrol it.
    pub async fn enrolled(api: &Api, enrolment_token: &str) -> Result<Self> {
        let (collector, token) = (Uuid::new_v4(), credential());
        let body = serde_json::json!({
            "collector": collector, "name": "hand", "version": env!("CARGO_PKG_VERSION"), "credential_sha256": sha256(&token),
        });
        tell(api, ENROL, enrolment_token, &body).await?;
        Ok(Self { collector, token, sequence: 0 })
    }

    /// Renews its credential: `asked` says where, once for each time that it asks; all but the last answer are lost.
    ///
    /// # Errors
    /// When a backend refuses.
    pub async fn rotate(&mut self, asked: &[&Api]) -> Result<()> {
        let fresh = credential();
        for api in asked {
            tell(api, ROTATE, &self.token, &serde_json::json!({"credential_sha256": sha256(&fresh)})).await?;
        }
        self.token = fresh;
        Ok(())
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
            status: None,
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

    /// The same, counting what this client sees of it.
    ///
    /// # Errors
    /// When it never is acknowledged.
    pub async fn ship_counted(&self, api: &Api, batch: &Bytes, tally: &mut Tally) -> Result<()> {
        tally.batches += 1;
        let shipped = until("an acknowledgement", PATIENCE, async || {
            tally.tries += 1;
            match self.ship(api, batch).await {
                Some(status) if status.is_success() => return Ok(Some(())),
                Some(status) => *tally.refused.entry(status.as_u16()).or_default() += 1,
                None => tally.unanswered += 1,
            }
            Ok(None)
        })
        .await;
        tally.given_up += u32::from(shipped.is_err());
        shipped
    }

    /// Ships a batch; the answer's status, or none.
    pub async fn ship(&self, api: &Api, batch: &Bytes) -> Option<StatusCode> {
        Some(self.request(api, batch).send().await.ok()?.status())
    }

    /// Ships a batch; the answer's status and words.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn ask(&self, api: &Api, batch: &Bytes) -> Result<(StatusCode, String)> {
        let answer = self.request(api, batch).send().await.context("ship a batch")?;
        Ok((answer.status(), answer.text().await.context("read the answer")?))
    }

    fn request(&self, api: &Api, batch: &Bytes) -> reqwest::RequestBuilder {
        shipment(api.client(), &api.url, &self.token, batch.clone()).timeout(ANSWER)
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

fn credential() -> String {
    format!("{CREDENTIAL_PREFIX}{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple())
}

fn sha256(secret: &str) -> String {
    Sha256::digest(secret.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Until there is an answer, as a collector does; a no is one.
async fn tell(api: &Api, path: &str, bearer: &str, body: &serde_json::Value) -> Result<()> {
    let answer = until(&format!("an answer from {path}"), PATIENCE, async || {
        Ok(Some(api.client().post(format!("{}{path}", api.url)).bearer_auth(bearer).json(body).send().await?))
    })
    .await?;
    let status = answer.status();
    if !status.is_success() {
        bail!("{path} answered {status}: {}", answer.text().await.unwrap_or_default());
    }
    Ok(())
}
