//! Collectors with a wrong clock: rows and presence have the backend's time.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use pganalytics_lake::{Ack, LakeOptions, Sender, Server};
use pganalytics_views::ViewSet;
use pganalytics_views::wire::{Header, Limits, encode};

use crate::folders::files;
use crate::rows::{COLLECTOR, Row, servers, statements};
use crate::world::World;

/// A collector whose clock differs from the backend's.
struct Skewed {
    sequence: u64,
    /// What its clock shows more than the backend's.
    off: TimeDelta,
}

impl Skewed {
    fn time(&self) -> DateTime<Utc> {
        Utc::now() + self.off
    }

    /// Ships a reading of server `a` that was taken just now. `in_header`: whether the request states its times, as newer collectors do.
    async fn ship(&mut self, world: &World, up: bool, in_header: bool) -> Ack {
        let taken = self.time();
        let body = self.batch(taken, up);
        self.send(world, body, in_header.then_some(0)).await
    }

    fn batch(&mut self, taken: DateTime<Utc>, up: bool) -> bytes::Bytes {
        self.sequence += 1;
        let header = Header {
            collector: COLLECTOR,
            collector_name: "skewed".into(),
            sequence: self.sequence,
            created_us: taken.timestamp_micros(),
            version: "0".into(),
            dropped_rows: 0,
            status: None,
            frames: Vec::new(),
        };
        let frames = [servers(&[(taken, "a", up, Some(false), Some("17.1"))]), statements(&[Row::new(taken, "a", 1, 1)])];
        encode(header, &frames, &Limits::default()).unwrap().into()
    }

    /// Sends a batch. `waited_ms`: how long it has waited, if the request states that and the time of sending.
    async fn send(&self, world: &World, body: bytes::Bytes, waited_ms: Option<u64>) -> Ack {
        let sent_at_us = waited_ms.map(|_| self.time().timestamp_micros());
        let sender = Sender { sent_at_us, waited_ms, ..Sender::default() };
        world.lake.ingest_from(&sender, body).await.unwrap()
    }
}

async fn server(world: &World) -> Server {
    world.lake.meta().servers().await.unwrap().into_iter().next().unwrap()
}

/// Whether the server was seen within the last minute, and not in the future.
fn is_seen_now(server: &Server) -> bool {
    let ago = Utc::now() - server.last_seen;
    ago >= TimeDelta::zero() && ago < TimeDelta::minutes(1)
}

#[tokio::test]
async fn presence_follows_the_backends_clock_when_a_collectors_clock_was_a_day_ahead() {
    let world = World::with(|options: &mut LakeOptions| options.views = ViewSet::builtin().unwrap()).await;
    let mut collector = Skewed { sequence: 0, off: TimeDelta::days(1) };
    for in_header in [true, false] {
        collector.ship(&world, true, in_header).await;
        assert!(is_seen_now(&server(&world).await), "{:?}", server(&world).await);
    }
    let ahead = world.lake.meta().collectors().await.unwrap().remove(0);
    assert_eq!(ahead.moved_rows, 4, "told");
    // A batch that was closed by the wrong clock, and is sent by the right one.
    let late = collector.batch(collector.time() - TimeDelta::seconds(5), true);
    collector.off = TimeDelta::zero();
    collector.send(&world, late, Some(5_000)).await;
    assert!(is_seen_now(&server(&world).await), "{:?}", server(&world).await);
    // The right clock's readings count at once.
    collector.ship(&world, false, true).await;
    let seen = server(&world).await;
    assert!(seen.up == Some(false) && is_seen_now(&seen), "{seen:?}");
    assert_eq!(world.one("select count(*) from pganalytics_fleet where not up and ts <= now()").await, "1");
    let right = world.lake.meta().collectors().await.unwrap().remove(0);
    assert_eq!((right.moved_rows, right.skew_us.is_some_and(|skew| skew.abs() < 10_000_000)), (6, true));
    assert!(right.last_moved.is_some_and(|moved| Utc::now() - moved < TimeDelta::minutes(1)));
}

#[tokio::test]
async fn rows_of_a_wrong_clock_have_the_time_of_their_receipt_in_every_state_of_the_lake() {
    let mut world = World::new().await;
    let offsets = [TimeDelta::days(1), TimeDelta::days(-3), TimeDelta::days(60_000), -TimeDelta::days(20_000), TimeDelta::zero()];
    let mut sequence = 0;
    for off in offsets {
        let mut collector = Skewed { sequence, off };
        assert!(!collector.ship(&world, true, true).await.duplicate, "{off}");
        sequence = collector.sequence;
    }
    let near = "select count(*) from pg_stat_statements where ts between now() - interval '1 minute' and now()";
    assert_eq!(world.one(near).await, "5", "hot");
    world = world.reopened().await;
    assert_eq!(world.one(near).await, "5", "read again from the meta store");
    world.lake.compact().await.unwrap();
    assert_eq!(world.one(near).await, "5", "in files");
    for file in files(world.folder.path()) {
        let day = file.parent().unwrap().file_name().unwrap().to_string_lossy().replace("date=", "");
        let day: NaiveDate = day.parse().unwrap();
        assert!((Utc::now().date_naive() - day).num_days().abs() <= 1, "{}", file.display());
    }
}

#[tokio::test]
async fn times_that_no_batch_can_have_make_no_folder_even_if_the_header_tells_nothing() {
    let world = World::new().await;
    let far = |years: i64| Utc::now() + TimeDelta::days(365 * years);
    let rows: Vec<Row> = [150, 3, -20, -56].into_iter().map(|years| Row::new(far(years), "a", years, 1)).collect();
    world.ingest(crate::rows::batch(1, &rows)).await.unwrap();
    // A batch that waited for a month keeps its times.
    let month = Utc::now() - TimeDelta::days(31);
    world.ingest(crate::rows::batch(2, &[Row::new(month, "a", 1, 1)])).await.unwrap();
    world.lake.compact().await.unwrap();
    assert_eq!(world.one("select count(*) from pg_stat_statements where ts between now() - interval '1 minute' and now()").await, "4");
    assert_eq!(world.one("select count(*) from pg_stat_statements").await, "5");
    let days: std::collections::BTreeSet<_> =
        files(world.folder.path()).iter().map(|file| file.parent().unwrap().file_name().unwrap().to_string_lossy().into_owned()).collect();
    assert!(days.len() <= 3 && days.contains(&format!("date={}", month.date_naive())), "{days:?}");
}

#[tokio::test]
async fn minutes_with_the_right_clock_are_kept_after_minutes_with_a_wrong_one() {
    let world = World::with(|options: &mut LakeOptions| options.views = ViewSet::builtin().unwrap()).await;
    let mut collector = Skewed { sequence: 0, off: TimeDelta::days(1) };
    let count = "select count(*) from pganalytics_fleet_minutes where ts > now()";
    for off in [TimeDelta::days(1), TimeDelta::zero()] {
        collector.off = off;
        let taken = collector.time() - TimeDelta::seconds(2);
        let frames = crate::fleet::snapshots(taken, "a");
        collector.sequence += 1;
        let body = crate::rows::batch_of(COLLECTOR, collector.sequence, &frames);
        collector.send(&world, body, Some(0)).await;
    }
    assert_eq!(world.one(count).await, "0");
    assert_eq!(world.one("select sum(transactions) from pganalytics_fleet_minutes").await, "26", "both readings");
}

#[tokio::test]
async fn a_time_of_the_future_that_an_earlier_version_stored_does_not_hide_new_sightings() {
    let world = World::new().await;
    let mut collector = Skewed { sequence: 0, off: TimeDelta::zero() };
    collector.ship(&world, true, true).await;
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(world.folder.path().join("meta.db"));
    let mut session = sqlx::ConnectOptions::connect(&options).await.unwrap();
    let ahead = (Utc::now() + TimeDelta::days(1)).timestamp_micros();
    sqlx::query("update servers set first_seen = $1, last_seen = $1").bind(ahead).execute(&mut session).await.unwrap();
    collector.ship(&world, false, true).await;
    let seen = server(&world).await;
    assert!(seen.up == Some(false) && is_seen_now(&seen) && seen.first_seen <= Utc::now(), "{seen:?}");
}
