//! Cached answers of repeated queries.
//!
//! # Promise
//! - A cached answer is the answer that the query would give now. Its key covers the statement, its parameters, and each file and hot batch
//!   that the query reads. Files and batches never change, and their ids are never reused. Answers that depend on the time, on chance or on
//!   this process are not cached: `now()`, `random()`, the fleet's newest rows, `information_schema`.
//! - An entry is used only if its seal comes from a replica on the same meta store. Write access to the cache is not enough to forge an
//!   answer.
//! - If the cache is down, slow or has lost the entry, the query runs.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use arrow::array::RecordBatch;
use arrow::datatypes::{Schema, SchemaRef};
use arrow::ipc::reader::StreamReader;
use arrow::ipc::writer::StreamWriter;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use super::cache::{AnswerCache, MAX_KEPT};
use super::question::Query;
use super::reads::Reads;
use crate::meta::Meta;

/// The shortest run time of a query whose answer is cached. Faster queries do not pay for the cache.
const WORTH_KEEPING: Duration = Duration::from_millis(20);
/// The setting that holds the common secret of all replicas.
const SECRET: &str = "answers_secret";
/// The length of an HMAC-SHA-256 in bytes.
const SEAL: usize = 32;

/// The cached answers.
pub(crate) struct Answers {
    cache: Arc<dyn AnswerCache>,
    secret: Vec<u8>,
}

impl fmt::Debug for Answers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answers").field("cache", &self.cache).field("secret", &"***").finish()
    }
}

/// The rows of an answer, and whether the answer is truncated.
pub(crate) type Rows = (SchemaRef, Vec<RecordBatch>, bool);

impl Answers {
    /// Opens the answers in a cache. The secret for their seals is shared by all replicas on a meta store.
    ///
    /// # Errors
    /// If the meta store fails.
    pub(crate) async fn open(cache: Arc<dyn AnswerCache>, meta: &Meta) -> anyhow::Result<Self> {
        // 244 random bits from the operating system.
        let proposed = [uuid::Uuid::new_v4(), uuid::Uuid::new_v4()].map(|half| half.simple().to_string()).concat();
        let secret = meta.setting_or(SECRET, &proposed, meta.now().await?).await.context("cannot read the secret of cached answers")?;
        Ok(Self { cache, secret: secret.into_bytes() })
    }

    /// The cache key of a query's answer. `None` if the query reads no stored rows, or reads rows that have no id.
    pub(crate) fn name(&self, query: &Query, max_rows: usize, schema: &Schema, reads: &Reads) -> Option<String> {
        let read = reads.parts()?;
        let mut name = self.mac()?;
        // Another version may give another answer. Each part's length precedes the part, so that two queries never give the same bytes.
        let mut part = |bytes: &[u8]| {
            name.update(&(bytes.len() as u64).to_le_bytes());
            name.update(bytes);
        };
        part(env!("CARGO_PKG_VERSION").as_bytes());
        part(query.sql.as_bytes());
        part(&serde_json::to_vec(&query.parameters).ok()?);
        part(&max_rows.to_le_bytes());
        part(format!("{:?}", schema.fields()).as_bytes());
        for (kind, id) in &read {
            part(kind.as_bytes());
            part(&id.to_le_bytes());
        }
        Some(hex::encode(name.finalize().into_bytes()))
    }

    /// The cached answer of a key, if there is a valid one.
    pub(crate) async fn get(&self, name: &str) -> Option<Rows> {
        let bytes = self.cache.get(name).await?;
        let (seal, content) = bytes.split_at_checked(SEAL)?;
        let mut expected = self.mac()?;
        expected.update(name.as_bytes());
        expected.update(content);
        if expected.verify_slice(seal).is_err() {
            tracing::warn!(answer = name, "the cache has an answer that no replica of this meta store wrote; the answer is ignored");
            return None;
        }
        let (truncated, stream) = content.split_first()?;
        let reader = StreamReader::try_new(stream, None).ok()?;
        let schema = reader.schema();
        let batches = reader.collect::<Result<Vec<_>, _>>().ok()?;
        Some((schema, batches, *truncated != 0))
    }

    /// Caches an answer, unless the query ran for less than [`WORTH_KEEPING`] or the answer is too large. Does not wait for the cache.
    pub(crate) fn put(&self, name: String, (schema, batches, truncated): &Rows, took: Duration) {
        if took < WORTH_KEEPING {
            return;
        }
        let mut content = vec![u8::from(*truncated)];
        let written = StreamWriter::try_new(&mut content, schema).and_then(|mut writer| {
            batches.iter().try_for_each(|batch| writer.write(batch))?;
            writer.finish()
        });
        if written.is_err() || content.len() > MAX_KEPT - SEAL {
            return;
        }
        let Some(mut seal) = self.mac() else { return };
        seal.update(name.as_bytes());
        seal.update(&content);
        let sealed = [seal.finalize().into_bytes().as_slice(), &content].concat();
        let cache = Arc::clone(&self.cache);
        tokio::spawn(async move { cache.put(&name, sealed).await });
    }

    fn mac(&self) -> Option<Hmac<Sha256>> {
        Hmac::new_from_slice(&self.secret).ok()
    }
}
