//! Ingest: acknowledged rows are stored exactly once, and refused rows are not stored.

use chrono::{TimeDelta, Utc};
use pganalytics_lake::{IngestError, Lake, NewToken, Role, Sender, ServerRole, TokenKind};
use uuid::Uuid;

use crate::rows::{COLLECTOR, Row, batch, batch_of, noon, servers, statements};
use crate::world::{World, options};

#[tokio::test]
async fn an_acknowledged_batch_is_visible_and_durable() {
    let world = World::new().await;
    let ack = world.ingest(batch(1, &[Row::new(noon(), "a", 1, 10), Row::new(noon(), "b", 2, 20)])).await.unwrap();
    assert_eq!((ack.collector, ack.sequence, ack.duplicate, ack.rows), (COLLECTOR, 1, false, 2));
    assert_eq!(world.one("select sum(calls) from pg_stat_statements").await, "30");
    let world = world.reopened().await;
    assert_eq!(world.one("select sum(calls) from pg_stat_statements").await, "30");
}

#[tokio::test]
async fn a_replay_is_a_duplicate_and_changes_nothing() {
    let world = World::new().await;
    for sequence in 1..=3 {
        world.ingest(batch(sequence, &[Row::new(noon(), "a", 1, 1)])).await.unwrap();
    }
    for sequence in 1..=3 {
        assert!(world.ingest(batch(sequence, &[Row::new(noon(), "a", 1, 1)])).await.unwrap().duplicate);
    }
    let world = world.reopened().await;
    assert!(world.ingest(batch(3, &[Row::new(noon(), "a", 1, 1)])).await.unwrap().duplicate);
    world.lake.compact().await.unwrap();
    assert!(world.ingest(batch(2, &[Row::new(noon(), "a", 1, 1)])).await.unwrap().duplicate);
    assert!(!world.ingest(batch(4, &[Row::new(noon(), "a", 1, 1)])).await.unwrap().duplicate);
    assert_eq!(world.one("select count(*) from pg_stat_statements").await, "4");

    let collectors = world.lake.meta().collectors().await.unwrap();
    assert_eq!(collectors.len(), 1);
    assert_eq!((collectors[0].sequence, collectors[0].rows, collectors[0].dropped_rows), (4, 4, 4));
}

#[tokio::test]
async fn many_collectors_at_once_are_all_committed() {
    let world = World::new().await;
    let sends = (0..64u128).map(|collector| {
        let lake = world.lake.clone();
        tokio::spawn(async move {
            for sequence in 1..=5 {
                let rows = statements(&[Row::new(noon(), &format!("server-{collector}"), 1, 1)]);
                let ack = lake.ingest(batch_of(Uuid::from_u128(collector), sequence, &[rows])).await.unwrap();
                assert!(!ack.duplicate);
            }
        })
    });
    for send in sends.collect::<Vec<_>>() {
        send.await.unwrap();
    }
    assert_eq!(world.one("select count(*) from pg_stat_statements").await, "320");
    let world = world.reopened().await;
    assert_eq!(world.one("select count(distinct server) from pg_stat_statements").await, "64");
    assert_eq!(world.lake.stats().await.hot_batches, 320);
}

#[tokio::test]
async fn an_empty_batch_moves_the_mark() {
    let world = World::new().await;
    assert!(!world.ingest(batch_of(COLLECTOR, 1, &[])).await.unwrap().duplicate);
    assert!(world.ingest(batch_of(COLLECTOR, 1, &[])).await.unwrap().duplicate);
    assert_eq!(world.lake.stats().await.hot_batches, 0);
}

#[tokio::test]
async fn the_newest_row_of_a_server_is_kept() {
    let world = World::new().await;
    let early = noon();
    let later = early + TimeDelta::seconds(10);
    let rows =
        servers(&[(early, "a", true, Some(false), Some("17.1")), (later, "a", false, None, None), (early, "b", true, Some(true), None)]);
    world.ingest(batch_of(COLLECTOR, 1, &[rows])).await.unwrap();
    let found = world.lake.meta().servers().await.unwrap();
    assert_eq!(found.len(), 2);
    assert_eq!((found[0].name.as_str(), found[0].up, found[0].role), ("a", Some(false), Some(ServerRole::Primary)));
    assert_eq!((found[0].version.as_deref(), found[0].port, found[0].last_seen), (Some("17.1"), Some(5432), later));
    assert_eq!((found[1].name.as_str(), found[1].role), ("b", Some(ServerRole::Standby)));

    let late = servers(&[(early - TimeDelta::hours(1), "a", true, Some(true), Some("16.0"))]);
    world.ingest(batch_of(COLLECTOR, 2, &[late])).await.unwrap();
    assert_eq!(world.lake.meta().servers().await.unwrap()[0], found[0]);
}

#[tokio::test]
async fn a_folder_is_opened_by_one_process_only() {
    let world = World::new().await;
    let error = Lake::open(options(world.folder.path())).await.unwrap_err();
    assert!(error.to_string().contains("another process uses the data folder"), "{error:#}");
}

#[tokio::test]
async fn a_closed_lake_refuses() {
    let world = World::new().await;
    world.lake.close().await;
    let error = world.ingest(batch(1, &[Row::new(noon(), "a", 1, 1)])).await.unwrap_err();
    assert!(matches!(error, IngestError::Store(_)), "{error}");
}

#[tokio::test]
async fn a_jump_of_the_sequence_number_is_refused_and_does_not_block_the_collector() {
    let world = World::new().await;
    world.ingest(batch(1, &[Row::new(noon(), "a", 1, 1)])).await.unwrap();
    for leap in [1 << 62, 1 << 40, 1_000_000_000, i64::MAX.unsigned_abs(), u64::MAX] {
        let error = world.ingest(batch_of(COLLECTOR, leap, &[])).await.unwrap_err();
        assert!(matches!(error, IngestError::Leap { mark: 1, .. }), "{leap}: {error}");
    }
    let error = world.ingest(batch_of(Uuid::from_u128(77), 1 << 62, &[])).await.unwrap_err();
    assert!(matches!(error, IngestError::Leap { mark: 0, .. }), "a new collector: {error}");
    // A collector that restarts often skips numbers.
    assert!(!world.ingest(batch(2_001, &[Row::new(noon(), "a", 1, 1)])).await.unwrap().duplicate);
    assert_eq!(world.one("select count(*) from pg_stat_statements").await, "2");
}

#[tokio::test]
async fn a_mark_raised_by_another_process_is_reported_and_lowered_without_doubled_rows() {
    let world = World::new().await;
    for sequence in 1..=3 {
        world.ingest(batch(sequence, &[Row::new(noon(), "a", 1, 1)])).await.unwrap();
    }
    world.ingest(batch_of(COLLECTOR, 90_000, &[])).await.unwrap();
    let ack = world.ingest(batch(4, &[Row::new(noon(), "a", 1, 1)])).await.unwrap();
    assert_eq!((ack.duplicate, ack.sequence, ack.mark), (true, 4, 90_000), "the answer has the mark");

    assert_eq!(world.lake.meta().reset_mark(COLLECTOR, 3).await.unwrap(), Some(90_000));
    assert_eq!(world.lake.meta().reset_mark(Uuid::from_u128(77), 3).await.unwrap(), None);
    assert!(world.ingest(batch(3, &[Row::new(noon(), "a", 1, 1)])).await.unwrap().duplicate);
    let ack = world.ingest(batch(4, &[Row::new(noon(), "a", 1, 1)])).await.unwrap();
    assert_eq!((ack.duplicate, ack.mark), (false, 4));
    assert_eq!(world.one("select count(*) from pg_stat_statements").await, "4");
}

#[tokio::test]
async fn a_collector_is_bound_to_the_first_shared_token_until_the_token_ends_or_an_admin_releases_it() {
    let world = World::new().await;
    let meta = world.lake.meta();
    let mut tokens = Vec::new();
    for name in ["own", "other", "third"] {
        let new = NewToken {
            name,
            kind: TokenKind::Collector,
            role: Role::Viewer,
            hash: name.as_bytes(),
            created: Utc::now(),
            expires: None,
            max_uses: None,
        };
        tokens.push(meta.create_token(new).await.unwrap().id);
    }
    let ship = async |token: i64, sequence: u64| {
        let sender = Sender { token: Some(token), ..Sender::default() };
        world.lake.ingest_from(&sender, batch(sequence, &[Row::new(noon(), "a", 1, 1)])).await
    };
    assert!(!ship(tokens[0], 1).await.unwrap().duplicate);
    for sequence in [2, 50_000_000] {
        let error = ship(tokens[1], sequence).await.unwrap_err();
        assert!(matches!(&error, IngestError::Bound { token, .. } if token == "own"), "{error}");
    }
    assert!(!ship(tokens[0], 2).await.unwrap().duplicate, "the mark is where it was");
    // A collector that gets another token: the old one is revoked.
    assert!(meta.revoke_token(tokens[0], Utc::now()).await.unwrap());
    assert!(!ship(tokens[1], 3).await.unwrap().duplicate);
    assert!(matches!(ship(tokens[2], 4).await.unwrap_err(), IngestError::Bound { .. }));
    // An admin releases it.
    assert_eq!(meta.reset_mark(COLLECTOR, 3).await.unwrap(), Some(3));
    assert!(!ship(tokens[2], 4).await.unwrap().duplicate);
    assert!(meta.forget_collector(COLLECTOR, Utc::now()).await.unwrap());
    assert!(!ship(tokens[1], 5).await.unwrap().duplicate);
    assert_eq!(world.one("select count(*) from pg_stat_statements").await, "5");
}
