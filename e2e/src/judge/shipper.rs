//! A collector of the test's own: ships batches of one numbered row each, and counts the rows that the backend answers.

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

use super::tally::Tally;
use crate::api::{Api, shipment};
use crate::wait::{PATIENCE, until};

/// The view of the shipped rows: few columns, of every kind.
const VIEW: &str = "pg_stat_archiver";
/// The rows of a server: how many, how many different ones, and the sum of their numbers.
const COUNTED: &str =
    "select count(*), count(distinct archived_count), coalesce(sum(archived_count), 0) from pg_stat_archiver where server = ";

/// The time after which a request counts as unanswered. Real collectors wait longer; tests should not.
const ANSWER: Duration = Duration::from_secs(10);

/// Rows, different rows, the sum of their numbers.
pub type Counted = (i64, i64, i64);

/// A collector that ships numbered rows; see the module.
#[derive(Debug)]
pub struct Shipper {
    pub collector: Uuid,
    token: String,
    sequence: u64,
}

impl Shipper {
    /// Ships with a new shared token of this name.
    ///
    /// # Errors
    /// If the backend makes no token.
    pub async fn new(api: &Api, name: &str) -> Result<Self> {
        Ok(Self { collector: Uuid::new_v4(), token: api.collector_token(name).await?, sequence: 0 })
    }

    /// Ships with its own credential, enrolled with this token.
    ///
    /// # Errors
    /// If the backend refuses to enrol it.
    pub async fn enrolled(api: &Api, enrolment_token: &str) -> Result<Self> {
        let (collector, token) = (Uuid::new_v4(), credential());
        let body = serde_json::json!({
            "collector": collector, "name": "shipper", "version": env!("CARGO_PKG_VERSION"), "credential_sha256": sha256(&token),
        });
        post_until_answered(api, ENROL, enrolment_token, &body).await?;
        Ok(Self { collector, token, sequence: 0 })
    }

    /// Renews its credential. Asks each of these APIs once for the same renewal, as if all answers but the last were lost.
    ///
    /// # Errors
    /// If a backend refuses.
    pub async fn rotate(&mut self, asked: &[&Api]) -> Result<()> {
        let fresh = credential();
        for api in asked {
            post_until_answered(api, ROTATE, &self.token, &serde_json::json!({"credential_sha256": sha256(&fresh)})).await?;
        }
        self.token = fresh;
        Ok(())
    }

    /// The next batch: one row with the present time, whose `archived_count` is the batch's sequence.
    ///
    /// # Errors
    /// If the batch cannot be encoded.
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
            collector_name: "shipper".into(),
            sequence: self.sequence,
            created_us: ts_us,
            version: env!("CARGO_PKG_VERSION").into(),
            dropped_rows: 0,
            status: None,
            frames: Vec::new(),
        };
        Ok(wire::encode(header, &[(VIEW.to_owned(), rows)], &Limits::default()).context("encode a batch")?.into())
    }

    /// Ships this many new batches, each until it is acknowledged.
    ///
    /// # Errors
    /// If a batch is never acknowledged.
    pub async fn ship_batches(&mut self, api: &Api, count: u32) -> Result<()> {
        for _ in 0..count {
            let batch = self.next_batch()?;
            self.ship_until_acknowledged(api, &batch).await?;
        }
        Ok(())
    }

    /// Ships a batch until it is acknowledged, as a collector does. Returns the number of failed requests.
    ///
    /// # Errors
    /// If the batch is never acknowledged.
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

    /// Ships a batch until it is acknowledged, and counts the requests and their answers.
    ///
    /// # Errors
    /// If the batch is never acknowledged.
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

    /// Ships a batch once. Returns the answer's status, if there is an answer.
    pub async fn ship(&self, api: &Api, batch: &Bytes) -> Option<StatusCode> {
        Some(self.request(api, batch).send().await.ok()?.status())
    }

    /// Ships a batch once. Returns the answer's status and body.
    ///
    /// # Errors
    /// If there is no answer.
    pub async fn ask(&self, api: &Api, batch: &Bytes) -> Result<(StatusCode, String)> {
        let answer = self.request(api, batch).send().await.context("ship a batch")?;
        Ok((answer.status(), answer.text().await.context("read the answer")?))
    }

    fn request(&self, api: &Api, batch: &Bytes) -> reqwest::RequestBuilder {
        shipment(api.client(), &api.url, &self.token, batch.clone()).timeout(ANSWER)
    }

    /// The number of batches made so far.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// The rows that this API answers.
    ///
    /// # Errors
    /// If there is no answer.
    pub async fn counted(&self, api: &Api) -> Result<Counted> {
        let row = api.sql(&format!("{COUNTED}'{}'", self.collector)).await?.pop().context("a row")?;
        let number = |at: usize| row[at].as_i64().or_else(|| row[at].as_str()?.parse().ok()).context("a number");
        Ok((number(0)?, number(1)?, number(2)?))
    }

    /// The right answer of [`Self::counted`] if every batch made so far was acknowledged.
    #[must_use]
    pub fn acknowledged(&self) -> Counted {
        let n = self.sequence.cast_signed();
        (n, n, n * (n + 1) / 2)
    }

    /// Checks that this API answers every acknowledged row, once.
    ///
    /// # Errors
    /// If a row is missing or doubled, or there is no answer.
    pub async fn judge(&self, api: &Api) -> Result<()> {
        self.compare(api, self.counted(api).await?)
    }

    /// Waits for an answer, and checks the first answer as [`Self::judge`] does. A wrong answer is not asked again.
    ///
    /// # Errors
    /// If a row is missing or doubled, or there is no answer.
    pub async fn judge_first_answer(&self, api: &Api) -> Result<()> {
        let found = until("an answer", PATIENCE, async || self.counted(api).await.map(Some)).await?;
        self.compare(api, found)
    }

    fn compare(&self, api: &Api, found: Counted) -> Result<()> {
        let expected = self.acknowledged();
        if found != expected {
            bail!("{} answers rows, different rows, sum = {found:?}; acknowledged were {expected:?}", api.url);
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

/// Asks until there is an answer, as a collector does. A refusal is an answer.
async fn post_until_answered(api: &Api, path: &str, bearer: &str, body: &serde_json::Value) -> Result<()> {
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
