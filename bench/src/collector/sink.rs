//! A server that acknowledges every batch and keeps it, so that a collector is measured without a backend.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use arrow_array::cast::AsArray as _;
use arrow_array::types::Int64Type;
use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::response::Json;
use axum::routing::post;
use bytes::Bytes;
use pganalytics_views::wire::{self, Limits};
use serde_json::{Value, json};

type Batches = Arc<Mutex<Vec<Bytes>>>;

pub(crate) struct Sink {
    pub(crate) url: String,
    batches: Batches,
}

/// What arrived since a moment.
#[derive(Default)]
pub(crate) struct Arrived {
    pub(crate) batches: usize,
    pub(crate) bytes: usize,
    /// Finished readings of `pg_stat_statements`.
    pub(crate) polls: i64,
    /// Rows of `pg_stat_statements`.
    pub(crate) rows: usize,
    /// The duration of these readings by the collector, in nanoseconds.
    pub(crate) duration_ns: i64,
}

impl Sink {
    /// Starts the server.
    ///
    /// # Errors
    /// If no port is free.
    pub(crate) async fn start() -> Result<Self> {
        let batches = Batches::default();
        let limit = DefaultBodyLimit::max(Limits::default().encoded);
        let app = Router::new().route("/api/v1/ingest", post(take)).layer(limit).with_state(Arc::clone(&batches));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.context("listen for batches")?;
        let url = format!("http://{}", listener.local_addr().context("the sink's address")?);
        tokio::spawn(async move { axum::serve(listener, app).await });
        Ok(Self { url, batches })
    }

    /// The number of batches so far.
    #[must_use]
    pub(crate) fn count(&self) -> usize {
        self.batches.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// What arrived after the first `skip` batches.
    ///
    /// # Errors
    /// If a batch cannot be decoded.
    pub(crate) fn arrived(&self, skip: usize) -> Result<Arrived> {
        let batches: Vec<Bytes> = self.batches.lock().unwrap_or_else(PoisonError::into_inner).iter().skip(skip).cloned().collect();
        let mut arrived = Arrived { batches: batches.len(), ..Arrived::default() };
        for bytes in batches {
            arrived.bytes += bytes.len();
            for (view, rows) in wire::decode(&bytes, &Limits::default()).context("decode a batch")?.frames {
                let sum_of_statements = |name: &str| -> Option<i64> {
                    let views = rows.column_by_name("view")?.as_string_opt::<i32>()?;
                    let values = rows.column_by_name(name)?.as_primitive_opt::<Int64Type>()?;
                    Some(
                        views
                            .iter()
                            .zip(values)
                            .filter(|(view, _)| *view == Some("pg_stat_statements"))
                            .filter_map(|(_, value)| value)
                            .sum(),
                    )
                };
                match view.as_str() {
                    "pg_stat_statements" => arrived.rows += rows.num_rows(),
                    "pganalytics_cost" => {
                        arrived.polls += sum_of_statements("polls").unwrap_or_default();
                        arrived.duration_ns += sum_of_statements("duration").unwrap_or_default();
                    }
                    _ => {}
                }
            }
        }
        Ok(arrived)
    }
}

async fn take(State(batches): State<Batches>, body: Bytes) -> (StatusCode, Json<Value>) {
    match wire::decode_header(&body, &Limits::default()) {
        Ok(header) => {
            let rows: u64 = header.frames.iter().map(|frame| frame.rows).sum();
            batches.lock().unwrap_or_else(PoisonError::into_inner).push(body);
            let ack = json!({ "collector": header.collector, "sequence": header.sequence, "duplicate": false, "rows": rows });
            (StatusCode::OK, Json(ack))
        }
        Err(error) => (StatusCode::BAD_REQUEST, Json(json!({ "error": { "code": "malformed", "message": error.to_string() } }))),
    }
}
