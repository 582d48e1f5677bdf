//! Replicas with different views: what one of them does not know is kept for the other, whoever compacts.

use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use e2e::api::shipment;
use e2e::drive::replicas::{migrated, replica};
use e2e::drive::{Backend, Settings};
use e2e::judge::Shipper;
use e2e::servers::Postgres;
use pganalytics_views::wire::{self, Header, Limits};
use pganalytics_views::{ViewSet, schema};
use uuid::Uuid;

const TOMORROW: &str = r#"
name = "pg_stat_tomorrow"
summary = "A view that one of the backends knows."
scope = "server"
source = "probe"
interval = "60s"
[[columns]]
name = "events"
kind = "counter"
type = "int8"
help = "Events."
"#;

/// A collector that ships one row of the new view in each batch.
struct Newer {
    collector: Uuid,
    token: String,
    sequence: u64,
}

impl Newer {
    async fn ship(&mut self, backend: &Backend) -> Result<serde_json::Value> {
        self.sequence += 1;
        let ts_us = i64::try_from(std::time::UNIX_EPOCH.elapsed().context("the time")?.as_micros())?;
        let views = ViewSet::from_files([("pg_stat_tomorrow.toml".to_owned(), TOMORROW.to_owned())])?;
        let columns: Vec<ArrayRef> = vec![
            Arc::new(TimestampMicrosecondArray::from(vec![ts_us]).with_timezone("UTC")),
            Arc::new(StringArray::from(vec!["db"])),
            Arc::new(Int64Array::from(vec![1_000])),
            Arc::new(Int64Array::from(vec![self.sequence.cast_signed()])),
        ];
        let rows = RecordBatch::try_new(schema(views.get("pg_stat_tomorrow").context("the view")?), columns)?;
        let header = Header {
            collector: self.collector,
            collector_name: "newer".into(),
            sequence: self.sequence,
            created_us: ts_us,
            version: "9".into(),
            dropped_rows: 0,
            status: None,
            frames: Vec::new(),
        };
        let body = wire::encode(header, &[("pg_stat_tomorrow".to_owned(), rows)], &Limits::default())?;
        let answer = shipment(backend.api.client(), &backend.api.url, &self.token, body.into()).send().await?;
        ensure!(answer.status() == 200, "{}: {}", answer.status(), answer.text().await?);
        Ok(answer.json().await?)
    }
}

#[tokio::test]
async fn rows_of_a_view_that_one_replica_knows_survive_the_compaction_of_another() -> Result<()> {
    let postgres = Postgres::start(17).await?;
    let url = migrated(&postgres).await?;
    let views = tempfile::tempdir().context("create a temporary folder")?;
    std::fs::write(views.path().join("pg_stat_tomorrow.toml"), TOMORROW).context("write the view")?;
    let folder = views.path().to_str().context("a path")?;
    let old = replica(&url, "database").await?;
    let mut newer = Newer { collector: Uuid::new_v4(), token: old.collector_token("newer").await?, sequence: 0 };
    let mut shipper = Shipper::new(&old.api, "shipper").await?;
    for _ in 0..3 {
        let answer = newer.ship(&old).await?;
        ensure!(answer["unknown"] == serde_json::json!(["pg_stat_tomorrow"]), "{answer}");
        shipper.ship_batches(&old.api, 1).await?;
    }
    // The only backend does not know the view, and compacts.
    old.api.all_rows_in_files().await?;
    shipper.judge(&old.api).await?;
    ensure!(old.log().contains("a collector ships a view that is unknown here"), "{}", old.log());

    let flags = ["--database-url", &url, "--store", "database", "--compact-every", "1s", "--views", folder];
    let new = Backend::start_with(Settings::flags(&flags)).await?;
    let sums = "select count(*) * 1000 + sum(events) from pg_stat_tomorrow";
    new.api.integer_is(sums, 3_006).await?;
    // Both run, and either may compact.
    for backend in [&old, &new, &old] {
        newer.ship(backend).await?;
        shipper.ship_batches(&backend.api, 1).await?;
    }
    new.api.all_rows_in_files().await?;
    new.api.integer_is(sums, 6_021).await?;
    for backend in [&old, &new] {
        shipper.judge(&backend.api).await?;
    }
    Ok(())
}
