//! The object store over the two tables.

use std::ops::Range;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use chrono::DateTime;
use futures::stream::{self, BoxStream};
use futures::{StreamExt as _, TryStreamExt as _};
use object_store::path::Path;
use object_store::{
    Attributes, CopyOptions, Error, GetOptions, GetRange, GetResult, GetResultPayload, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use sqlx::PgPool;
use tokio::runtime::Handle;
use tokio_util::task::AbortOnDropHandle;

use super::pieces::{NAME, PIECE, add_pieces, begin_object, failed};
use super::upload::Upload;

/// The objects of a database.
#[derive(Debug, Clone)]
pub(crate) struct Objects {
    pool: PgPool,
    /// The runtime that opened the store. Reads run there, because connections are shared: on the threads of a query, one that computes
    /// without a pause would hold up the statements of others.
    runtime: Option<Handle>,
}

impl Objects {
    pub(crate) fn new(pool: PgPool) -> Self {
        Self { pool, runtime: Handle::try_current().ok() }
    }

    /// Runs a read on the runtime that opened the store.
    async fn there<T: Send + 'static>(&self, read: impl Future<Output = Result<T>> + Send + 'static) -> Result<T> {
        match &self.runtime {
            Some(runtime) => AbortOnDropHandle::new(runtime.spawn(read))
                .await
                .map_err(|error| Error::Generic { store: NAME, source: Box::new(error) })?,
            None => read.await,
        }
    }

    async fn head(&self, location: &Path) -> Result<ObjectMeta> {
        let (objects, location) = (self.clone(), location.clone());
        self.there(async move { objects.head_here(&location).await }).await
    }

    async fn head_here(&self, location: &Path) -> Result<ObjectMeta> {
        let found: Option<(i64, i64)> = sqlx::query_as("select size, modified from objects where path = $1")
            .bind(location.as_ref())
            .fetch_optional(&self.pool)
            .await
            .map_err(failed)?;
        let (size, modified) = found.ok_or_else(|| Error::NotFound { path: location.to_string(), source: "its row is missing".into() })?;
        Ok(meta(location.clone(), size, modified))
    }

    async fn write(&self, location: &Path, content: &[u8]) -> Result<()> {
        let mut transaction = begin_object(&self.pool, location, content.len() as u64).await?;
        add_pieces(&mut transaction, location, 0, content).await?;
        transaction.commit().await.map_err(failed)
    }

    /// The bytes of a range within the object.
    async fn read(&self, location: &Path, range: Range<u64>) -> Result<Bytes> {
        let (objects, location) = (self.clone(), location.clone());
        self.there(async move { objects.read_here(&location, range).await }).await
    }

    async fn read_here(&self, location: &Path, range: Range<u64>) -> Result<Bytes> {
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
            return Err(Error::NotFound { path: location.to_string(), source: "pieces are missing".into() });
        }
        Ok(content.freeze().slice(skip..skip + length))
    }
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
            return Err(Error::NotImplemented { operation: "conditional put is not supported".into(), implementer: NAME.into() });
        }
        self.write(location, &Bytes::from(payload)).await?;
        Ok(PutResult { e_tag: None, version: None })
    }

    async fn put_multipart_opts(&self, location: &Path, _: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        let transaction = begin_object(&self.pool, location, 0).await?;
        Ok(Box::new(Upload::new(transaction, location.clone())))
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
            // Piece by piece, so that a large object is never in memory as a whole.
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
