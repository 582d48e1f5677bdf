//! Retention: how long each table is kept.

use chrono::{TimeDelta, Utc};
use pganalytics_lake::{LakeOptions, RetentionError, RetentionSetting};

use crate::rollup_model::settle;
use crate::rows::{Row, batch};
use crate::world::{World, one};

#[tokio::test]
async fn each_tier_is_kept_for_its_retention_and_a_change_applies_at_the_next_run() {
    let world = World::with(|options: &mut LakeOptions| options.retention = std::time::Duration::from_secs(10 * 86_400)).await;
    let now = Utc::now();
    let ages = [0, 5, 30, 500, 3000];
    let rows = ages.map(|days| Row::new(now - TimeDelta::days(days), "a", days, 1));
    world.ingest(batch(1, &rows)).await.unwrap();
    world.lake.compact().await.unwrap();
    // Rows that are not in the rollups yet do not expire.
    assert_eq!(world.lake.expire(now).await.unwrap().files, 0);
    world.lake.compact_at(now + TimeDelta::hours(2)).await.unwrap();
    world.lake.expire(now).await.unwrap();
    let oldest = async |table: &str| one(&world.lake, &format!("select coalesce(max(queryid), -1) from {table}")).await;
    assert_eq!(oldest("pg_stat_statements").await, "5");
    assert_eq!(oldest("pg_stat_statements_5m").await, "30");
    assert_eq!(oldest("pg_stat_statements_1h").await, "500");

    // Rows that arrive after their day has expired are still added to the rollups, together with the earlier rows.
    world.ingest(batch(2, &[Row::new(now - TimeDelta::days(30), "b", 30, 7)])).await.unwrap();
    settle(&world.lake).await;
    world.lake.expire(now).await.unwrap();
    assert_eq!(oldest("pg_stat_statements").await, "5");
    assert_eq!(one(&world.lake, "select sum(calls) from pg_stat_statements_5m where queryid = 30").await, "8");

    let tables = [("pg_stat_statements_1h".to_owned(), 100)].into();
    let setting = RetentionSetting { raw: Some(3), five_minutes: Some(20), tables, ..RetentionSetting::default() };
    world.lake.set_retention(&setting, now).await.unwrap();
    world.lake.expire(now).await.unwrap();
    assert_eq!(oldest("pg_stat_statements").await, "0");
    assert_eq!(oldest("pg_stat_statements_5m").await, "5");
    assert_eq!(oldest("pg_stat_statements_1h").await, "30");
    let world = world.reopened().await;
    assert_eq!(world.lake.retention().await.unwrap().setting, setting);
}

#[tokio::test]
async fn an_invalid_retention_is_refused_as_a_whole() {
    let world = World::new().await;
    let none = RetentionSetting { raw: Some(5), hour: Some(0), ..RetentionSetting::default() };
    assert!(matches!(world.lake.set_retention(&none, Utc::now()).await, Err(RetentionError::Days { .. })));
    let unknown = RetentionSetting { tables: [("pg_stat_statement_5m".to_owned(), 3)].into(), ..RetentionSetting::default() };
    let error = world.lake.set_retention(&unknown, Utc::now()).await.unwrap_err().to_string();
    assert_eq!(error, "table 'pg_stat_statement_5m' does not exist; did you mean 'pg_stat_statements_5m'?");
    assert_eq!(world.lake.retention().await.unwrap().setting, RetentionSetting::default());
}

#[tokio::test]
async fn days_older_than_the_retention_are_deleted() {
    let world = World::with(|options: &mut LakeOptions| options.retention = std::time::Duration::from_secs(10 * 86_400)).await;
    let now = Utc::now();
    let days = [0, 5, 9, 11, 30].map(|days| Row::new(now - TimeDelta::days(days), "a", days, 1));
    world.ingest(batch(1, &days)).await.unwrap();
    world.lake.compact().await.unwrap();
    world.lake.compact_at(now + TimeDelta::hours(2)).await.unwrap();
    let done = world.lake.expire(now).await.unwrap();
    assert_eq!((done.files, done.rows), (2, 2));
    assert_eq!(world.one("select max(queryid) from pg_stat_statements").await, "9");
    assert_eq!(world.lake.expire(now).await.unwrap().files, 0);
    world.lake.remove_replaced(now + TimeDelta::hours(1)).await.unwrap();
    assert_eq!(world.files_of("pg_stat_statements").await.0, 3);
    assert_eq!((world.files_of("pg_stat_statements_5m").await.0, world.files_of("pg_stat_statements_1h").await.0), (5, 5));
}
