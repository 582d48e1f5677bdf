//! The judge finds a missing, a doubled, an altered, a foreign and a torn row.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use arrow_array::{Array, ArrayRef, Int64Array, RecordBatch};
use e2e::fleet::Shape;
use e2e::fleet::judge::{Verdict, Wrong};
use e2e::fleet::ledger::{Entry, Ledger};
use e2e::fleet::rows::{Rows, Sums};
use pganalytics_views::wire::{self, Batch, Limits};
use uuid::Uuid;

use super::world::{World, shape};

#[tokio::test(flavor = "multi_thread")]
async fn the_judge_finds_a_missing_a_doubled_an_altered_a_foreign_and_a_torn_row() -> Result<()> {
    let world = World::start().await?;
    let shape = Shape { batches: Some(12), ..shape()? };
    let rows = Rows::new(&shape)?;
    let ledger = Ledger::create(&world.ledger, &shape)?;
    for sequence in 1..=6 {
        for collector in 0..shape.collectors {
            let (body, sums) = rows.batch(collector, sequence)?;
            world.ship(body).await?;
            ledger.append(entry(collector, sequence, sums)).await?;
        }
    }
    let verdict = world.judge().await?;
    assert!(verdict.is_clean() && verdict.rows > 1_000, "{verdict}");

    // A batch that was committed and whose answer was lost is no defect: the batch is whole.
    let (body, sums) = rows.batch(3, 7)?;
    world.ship(body).await?;
    let verdict = world.judge().await?;
    assert!(verdict.is_clean() && verdict.unacknowledged == 1, "{verdict}");
    ledger.append(entry(3, 7, sums)).await?;

    // Missing: every row of an acknowledged batch.
    let (_, sums) = rows.batch(0, 7)?;
    let lost: u64 = sums.values().map(|sum| sum.rows).sum();
    ledger.append(entry(0, 7, sums)).await?;
    let verdict = world.judge().await?;
    assert_eq!((verdict.missing, wrongs(&verdict)), (lost, vec![Wrong::Missing]), "{verdict}");
    assert!(verdict.differences.iter().all(|difference| difference.batch == Some(7)), "{verdict}");

    // Doubled: one row, shipped again under another identity.
    let mut stray = decode(&rows, 1, 2)?;
    stray.header.collector = Uuid::from_u128(1);
    stray.frames.retain(|(view, _)| view == "pganalytics_server");
    stray.frames[0].1 = stray.frames[0].1.slice(0, 1);
    world.ship(encode(stray)?).await?;
    let verdict = world.judge().await?;
    assert_eq!((verdict.missing, verdict.doubled, wrongs(&verdict)), (lost, 1, vec![Wrong::Missing, Wrong::Doubled]), "{verdict}");

    // Altered: one row with another value than was acknowledged.
    let mut altered = decode(&rows, 2, 7)?;
    let (_, wal) = altered.frames.iter_mut().find(|(view, _)| view == "pg_stat_wal").context("rows of pg_stat_wal")?;
    *wal = with_more(wal, "wal_bytes")?;
    world.ship(encode(altered)?).await?;
    ledger.append(entry(2, 7, rows.batch(2, 7)?.1)).await?;
    let verdict = world.judge().await?;
    assert_eq!((verdict.altered, verdict.doubled, verdict.missing), (1, 1, lost), "{verdict}");

    // Foreign: a row of a server of the fleet, at a time long after its last row.
    let mut foreign = decode(&rows, 1, 12)?;
    foreign.header.collector = Uuid::from_u128(2);
    foreign.frames.retain(|(view, _)| view == "pg_stat_wal");
    foreign.frames[0].1 = foreign.frames[0].1.slice(0, 1);
    world.ship(encode(foreign)?).await?;
    let verdict = world.judge().await?;
    assert_eq!((verdict.foreign, verdict.altered, verdict.doubled, verdict.missing), (1, 1, 1, lost), "{verdict}");

    // Torn: a part of the batch in flight at the end.
    let mut torn = decode(&rows, 3, 8)?;
    torn.frames.truncate(torn.frames.len() / 2);
    world.ship(encode(torn)?).await?;
    let verdict = world.judge().await?;
    assert_eq!((verdict.torn, verdict.foreign, verdict.missing), (1, 1, lost), "{verdict}");

    // The judge refuses a ledger that another build wrote.
    let (_, mut sums) = rows.batch(1, 7)?;
    sums.values_mut().for_each(|sum| sum.mark += 1);
    ledger.append(entry(1, 7, sums)).await?;
    let error = world.judge().await.expect_err("sums that this build does not make");
    assert!(error.to_string().contains("judge with the build that shipped"), "{error:#}");
    Ok(())
}

fn entry(collector: u32, sequence: u64, sums: Sums) -> Entry {
    let took = u64::try_from(Duration::from_millis(1).as_micros()).unwrap_or(0);
    Entry { collector, sequence, sums, refused: None, duplicate: false, failures: Default::default(), try_us: took, whole_us: took }
}

/// The kinds of wrong rows in the verdict, each once.
fn wrongs(verdict: &Verdict) -> Vec<Wrong> {
    let mut wrongs: Vec<_> = verdict.differences.iter().map(|difference| difference.wrong).collect();
    wrongs.sort_unstable();
    wrongs.dedup();
    wrongs
}

fn decode(rows: &Rows, collector: u32, sequence: u64) -> Result<Batch> {
    Ok(wire::decode(&rows.batch(collector, sequence)?.0, &Limits::default())?)
}

fn encode(batch: Batch) -> Result<Vec<u8>> {
    Ok(wire::encode(batch.header, &batch.frames, &Limits::default())?)
}

/// The same rows, with the first row's counter increased by one.
fn with_more(rows: &RecordBatch, column: &str) -> Result<RecordBatch> {
    let at = rows.schema().index_of(column)?;
    let values = rows.column(at).as_any().downcast_ref::<Int64Array>().context("integers")?;
    let more = Int64Array::from_iter_values((0..values.len()).map(|row| values.value(row) + i64::from(row == 0)));
    let mut columns = rows.columns().to_vec();
    columns[at] = Arc::new(more) as ArrayRef;
    Ok(RecordBatch::try_new(rows.schema(), columns)?)
}
