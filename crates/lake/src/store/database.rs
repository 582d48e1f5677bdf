//! History in the meta store's PostgreSQL, for who has no object store: an [`ObjectStore`] over two tables.
//!
//! An object is a row of `objects` and its content in rows of `object_pieces`, [`PIECE`] bytes each but the last, so that a range is read
//! without the rest. An object is written in one transaction, in parts too: it appears whole with the commit, or never.

use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use chrono::{DateTime, Utc};
use futures::stream::{self, BoxStream};
use futures::{StreamExt as _, TryStreamExt as _};
use object_store::path::Path;
use object_store::{
    Attributes, CopyOptions, Error, GetOptions, GetRange, GetResult, GetResultPayload, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result, UploadPart,
};
use sqlx::PgPool;
use tokio::sync::Mutex;

use crate::meta::micros;

/// Bytes of a piece: large enough that a day's file is hundreds of rows, small enough that a page's bytes do not read much more.
const PIECE: u64 = 256 << 10;
/// What errors say they come from.
const NAME: &str = "PostgreSQL";

#[derive(Debug, Clone)]
pub(super) struct Objects {
    pool: PgPool,
}

impl Objects {
    pub(super) fn new(pool: PgPool) -> Self {
        Self { pool }
    }

    async fn head(&self, location: &Path) -> Result<ObjectMeta> {
        let found: Option<(i64, i64)> = sqlx::query_as("select size, modified from objects where path = $1")
            .bind(location.as_ref())
            .fetch_optional(&self.pool)
            .await
            .map_err(failed)?;
        let (size, modified) =
            found.ok_or_else(|| Error::NotFound { path: location.to_string(), source: "there is no row of it".into() })?;
        Ok(meta(location.clone(), size, modified))
    }

    async fn write(&self, location: &Path, content: &[u8]) -> Result<()> {
        let mut transaction = begin_object(&self.pool, location, content.len() as u64).await?;
        for (piece, body) in content.chunks(PIECE as usize).enumerate() {
            sqlx::query("insert into object_pieces (path, piece, body) values ($1, $2, $3)")
                .bind(location.as_ref())
                .bind(piece as i64)
                .bind(body)
                .execute(&mut *transaction)
                .await
                .map_err(failed)?;
        }
        transaction.commit().await.map_err(failed)
    }

    /// The bytes of a range within the object.
    async fn read(&self, location: &Path, range: Range<u64>) -> Result<Bytes> {
        if range.is_empty() {
            return Ok(Bytes::new());
        }
        let first = range.start / PIECE;
        let last = (range.end - 1) / PIECE;
        let mut pieces =
            sqlx::query_as::<_, (Vec<u8>,)>("select body from object_pieces where path = $1 and piece between $2 and $3 order by piece")
                .bind(location.as_ref())
                .bind(first.cast_signed())
                .bind(last.cast_signed())
                .fetch(&self.pool);
        let mut content = BytesMut::new();
        while let Some((piece,)) = pieces.try_next().await.map_err(failed)? {
            content.extend_from_slice(&piece);
        }
        let skip = usize::try_from(range.start - first * PIECE).unwrap_or(usize::MAX);
        let length = usize::try_from(range.end - range.start).unwrap_or(usize::MAX);
        if content.len() < skip.saturating_add(length) {
            return Err(Error::NotFound { path: location.to_string(), source: "pieces of it are missing".into() });
        }
        Ok(content.freeze().slice(skip..skip + length))
    }
}

/// A transaction in which an object is new and has no pieces yet.
async fn begin_object(pool: &PgPool, location: &Path, size: u64) -> Result<sqlx::Transaction<'static, sqlx::Postgres>> {
    let mut transaction = pool.begin().await.map_err(failed)?;
    sqlx::query("delete from objects where path = $1").bind(location.as_ref()).execute(&mut *transaction).await.map_err(failed)?;
    sqlx::query("insert into objects (path, size, modified) values ($1, $2, $3)")
        .bind(location.as_ref())
        .bind(size.cast_signed())
        .bind(micros(Utc::now()))
        .execute(&mut *transaction)
        .await
        .map_err(failed)?;
    Ok(transaction)
}

fn failed(error: sqlx::Error) -> Error {
    Error::Generic { store: NAME, source: Box::new(error) }
}

fn meta(location: Path, size: i64, modified: i64) -> ObjectMeta {
    let last_modified = DateTime::from_timestamp_micros(modified).unwrap_or_default();
    ObjectMeta { location, last_modified, size: size.unsigned_abs(), e_tag: None, version: None }
}

impl std::fmt::Display for Objects {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(NAME)
    }
}

#[async_trait]
impl ObjectStore for Objects {
    async fn put_opts(&self, location: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        if options.mode != PutMode::Overwrite {
            return Err(Error::NotImplemented { operation: "put with a condition".into(), implementer: NAME.into() });
        }
        self.write(location, &Bytes::from(payload)).await?;
        Ok(PutResult { e_tag: None, version: None })
    }

    async fn put_multipart_opts(&self, location: &Path, _: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        let transaction = begin_object(&self.pool, location, 0).await?;
        let state = Sending { transaction: Some(transaction), part: None, size: 0 };
        Ok(Box::new(Upload { state: Arc::new(Mutex::new(state)), location: location.clone(), next: 0 }))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let meta = self.head(location).await?;
        options.check_preconditions(&meta)?;
        let range = match &options.range {
            None => 0..meta.size,
            Some(GetRange::Bounded(range)) => range.start.min(meta.size)..range.end.min(meta.size),
            Some(GetRange::Offset(from)) => (*from).min(meta.size)..meta.size,
            Some(GetRange::Suffix(length)) => meta.size.saturating_sub(*length)..meta.size,
        };
        let payload = if options.head {
            stream::empty().boxed()
        } else {
            // Piece by piece, so that a large object is never held whole.
            let (objects, location, wanted) = (self.clone(), location.clone(), range.clone());
            stream::try_unfold(wanted.start, move |at| {
                let (objects, location, end) = (objects.clone(), location.clone(), wanted.end);
                async move {
                    if at >= end {
                        return Ok(None);
                    }
                    let until = (at / PIECE * PIECE + 8 * PIECE).min(end);
                    Ok(Some((objects.read(&location, at..until).await?, until)))
                }
            })
            .boxed()
        };
        Ok(GetResult { payload: GetResultPayload::Stream(payload), meta, range, attributes: Attributes::default() })
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        let read = ranges.iter().map(|range| self.read(location, range.clone()));
        futures::future::try_join_all(read).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        let objects = self.clone();
        locations
            .and_then(move |location| {
                let objects = objects.clone();
                async move {
                    sqlx::query("delete from objects where path = $1")
                        .bind(location.as_ref())
                        .execute(&objects.pool)
                        .await
                        .map_err(failed)?;
                    Ok(location)
                }
            })
            .boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let (objects, prefix) = (self.clone(), prefix.map(ToString::to_string).unwrap_or_default());
        let listed = async move {
            let rows: Vec<(String, i64, i64)> = sqlx::query_as(
                "select path, size, modified from objects where $1 = '' or path = $1 or starts_with(path, $1 || '/') order by path",
            )
            .bind(prefix)
            .fetch_all(&objects.pool)
            .await
            .map_err(failed)?;
            Ok::<_, Error>(stream::iter(rows.into_iter().map(|(path, size, modified)| Ok(meta(Path::parse(path)?, size, modified)))))
        };
        stream::once(listed).try_flatten().boxed()
    }

    async fn list_with_delimiter(&self, _: Option<&Path>) -> Result<ListResult> {
        Err(Error::NotImplemented { operation: "list folders".into(), implementer: NAME.into() })
    }

    async fn copy_opts(&self, _: &Path, _: &Path, _: CopyOptions) -> Result<()> {
        Err(Error::NotImplemented { operation: "copy".into(), implementer: NAME.into() })
    }
}

/// An upload in parts: one transaction, which ends with the last part. All parts but the last are of one size, in whole pieces.
#[derive(Debug)]
struct Upload {
    state: Arc<Mutex<Sending>>,
    location: Path,
    next: u64,
}

#[derive(Debug)]
struct Sending {
    transaction: Option<sqlx::Transaction<'static, sqlx::Postgres>>,
    /// Bytes of a part; none until the first has come.
    part: Option<u64>,
    size: u64,
}

fn uneven() -> Error {
    Error::Generic { store: NAME, source: "parts of an upload must be of one size, in whole pieces".into() }
}

#[async_trait]
impl MultipartUpload for Upload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        let (state, location, at) = (Arc::clone(&self.state), self.location.clone(), self.next);
        self.next += 1;
        let length = data.content_length() as u64;
        Box::pin(async move {
            let mut state = state.lock().await;
            // The first part is put first, and says what a part is.
            let part = *state.part.get_or_insert(length);
            if at > 0 && (part % PIECE != 0 || length > part) {
                return Err(uneven());
            }
            state.size = state.size.max(at * part + length);
            let transaction = state.transaction.as_mut().ok_or_else(uneven)?;
            for (piece, body) in Bytes::from(data).chunks(PIECE as usize).enumerate() {
                sqlx::query("insert into object_pieces (path, piece, body) values ($1, $2, $3)")
                    .bind(location.as_ref())
                    .bind((at * part / PIECE + piece as u64).cast_signed())
                    .bind(body)
                    .execute(&mut **transaction)
                    .await
                    .map_err(failed)?;
            }
            Ok(())
        })
    }

    async fn complete(&mut self) -> Result<PutResult> {
        let mut state = self.state.lock().await;
        let size = state.size;
        let mut transaction = state.transaction.take().ok_or_else(uneven)?;
        sqlx::query("update objects set size = $2 where path = $1")
            .bind(self.location.as_ref())
            .bind(size.cast_signed())
            .execute(&mut *transaction)
            .await
            .map_err(failed)?;
        transaction.commit().await.map_err(failed)?;
        Ok(PutResult { e_tag: None, version: None })
    }

    async fn abort(&mut self) -> Result<()> {
        match self.state.lock().await.transaction.take() {
            Some(transaction) => transaction.rollback().await.map_err(failed),
            None => Ok(()),
        }
    }
}
