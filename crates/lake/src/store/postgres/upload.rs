//! An upload in parts.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use object_store::path::Path;
use object_store::{Error, MultipartUpload, PutPayload, PutResult, Result, UploadPart};
use sqlx::{Postgres, Transaction};
use tokio::sync::Mutex;

use super::pieces::{NAME, PIECE, add_pieces, failed};

/// An upload in parts, in one transaction that ends with the last part. All parts except the last have one size, a multiple of a piece.
#[derive(Debug)]
pub(crate) struct Upload {
    state: Arc<Mutex<UploadState>>,
    location: Path,
    next: u64,
}

#[derive(Debug)]
struct UploadState {
    transaction: Option<Transaction<'static, Postgres>>,
    /// Bytes of a part; `None` before the first part.
    part: Option<u64>,
    size: u64,
}

fn uneven() -> Error {
    Error::Generic { store: NAME, source: "all parts of an upload must have the same size, a multiple of the piece size".into() }
}

impl Upload {
    /// Begins an upload, in the transaction that creates the object.
    pub(crate) fn new(transaction: Transaction<'static, Postgres>, location: Path) -> Self {
        let state = UploadState { transaction: Some(transaction), part: None, size: 0 };
        Self { state: Arc::new(Mutex::new(state)), location, next: 0 }
    }
}

#[async_trait]
impl MultipartUpload for Upload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        let (state, location, at) = (Arc::clone(&self.state), self.location.clone(), self.next);
        self.next += 1;
        let length = data.content_length() as u64;
        Box::pin(async move {
            let mut state = state.lock().await;
            // The first part comes first and sets the size.
            let part = *state.part.get_or_insert(length);
            if at > 0 && (part % PIECE != 0 || length > part) {
                return Err(uneven());
            }
            state.size = state.size.max(at * part + length);
            let transaction = state.transaction.as_mut().ok_or_else(uneven)?;
            add_pieces(transaction, &location, at * part / PIECE, &Bytes::from(data)).await
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
