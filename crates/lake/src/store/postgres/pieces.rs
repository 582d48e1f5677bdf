//! The rows of the two tables: objects and pieces.

use chrono::Utc;
use object_store::path::Path;
use object_store::{Error, Result};
use sqlx::{PgPool, Postgres, Transaction};

use crate::meta::micros;

/// Bytes of a piece: large enough that a file of a day needs only hundreds of rows, small enough that reading a page reads little more than
/// the page.
pub(crate) const PIECE: u64 = 256 << 10;
/// The name of this store in errors.
pub(crate) const NAME: &str = "PostgreSQL";

/// Begins the transaction that creates an object without pieces.
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

/// Converts an error of the database to an error of an object store.
pub(crate) fn failed(error: sqlx::Error) -> Error {
    Error::Generic { store: NAME, source: Box::new(error) }
}

/// Adds bytes as pieces, numbered from `first`.
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
