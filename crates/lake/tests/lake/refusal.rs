//! Invalid batches, and batches with missing columns.

use pganalytics_lake::IngestError;
use pganalytics_lake::arrow::array::RecordBatch;

use crate::rows::{COLLECTOR, Row, batch, batch_of, noon, statements};
use crate::world::World;

#[tokio::test]
async fn an_invalid_batch_is_refused_as_a_whole() {
    let world = World::new().await;
    let good = statements(&[Row::new(noon(), "a", 1, 1)]);
    let changed = |change: &dyn Fn(&RecordBatch) -> RecordBatch| ("pg_stat_statements".to_owned(), change(&good.1));

    let no_server = changed(&|rows| rows.project(&[0, 2, 3]).unwrap());
    let error = world.ingest(batch_of(COLLECTOR, 1, &[no_server])).await.unwrap_err();
    assert!(error.to_string().contains("'server' is missing"), "{error}");

    let nameless = statements(&[Row::new(noon(), "", 1, 1)]);
    let error = world.ingest(batch_of(COLLECTOR, 1, &[nameless])).await.unwrap_err();
    assert!(error.to_string().contains("name has 0 bytes"), "{error}");

    let cut = batch(1, &[Row::new(noon(), "a", 1, 1)]);
    let error = world.ingest(cut.slice(..cut.len() - 1)).await.unwrap_err();
    assert!(matches!(error, IngestError::Wire(_)), "{error}");

    assert_eq!(world.one("select count(*) from pg_stat_statements").await, "0");
    assert!(world.lake.meta().collectors().await.unwrap().is_empty());
    assert!(!world.ingest(batch(1, &[Row::new(noon(), "a", 1, 1)])).await.unwrap().duplicate);
}

#[tokio::test]
async fn columns_that_a_collector_does_not_ship_are_null() {
    let world = World::new().await;
    let (view, rows) = statements(&[Row::new(noon(), "a", 1, 1)]);
    world.ingest(batch_of(COLLECTOR, 1, &[(view, rows.project(&[0, 1, 2, 5]).unwrap())])).await.unwrap();
    assert_eq!(world.one("select count(*) from pg_stat_statements where queryid is null and calls = 1").await, "1");
}
