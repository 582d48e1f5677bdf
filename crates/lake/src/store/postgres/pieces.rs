//! The two tables' rows: an object, and its pieces.

use chrono::Utc;
use object_store::path::Path;
use object_store::{Error, Result};
use sqlx::{PgPool, Postgres, Transaction};

use crate::meta::micros;

/// Bytes of a piece: large enough that a day's file is hundreds of rows, small enough that a page's bytes do not read much more.
pub(crate) const PIECE: u64 = 256 << 10;
/// What errors say they come from.
pub(crate) const NAME: &str = "PostgreSQL";

/// A transaction in which an object is new and has no pieces yet.
pub(crate) async fn begin_object(pool: &PgPool, location: &Path, size: u64) -> Result<Transaction<'static, Postgres>> {
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

/// The database's error as object stores tell theirs.
pub(crate) fn failed(error: sqlx::Error) -> Error {
    Error::Generic { store: NAME, source: Box::new(error) }
}

/// Adds the pieces of some bytes, the first of which is the piece of this number.
pub(crate) async fn add_pieces(
    transaction: &mut Transaction<'static, Postgres>,
    location: &Path,
    first: u64,
    content: &[u8],
) -> Result<()> {
    for (piece, body) in content.chunks(PIECE as usize).enumerate() {
        sqlx::query("insert into object_pieces (path, piece, body) values ($1, $2, $3)")
            .bind(location.as_ref())
            .bind((first + piece as u64).cast_signed())
            .bind(body)
            .execute(&mut **transaction)
            .await
            .map_err(failed)?;
    }
    Ok(())
}
