//! A DBA's usual troubles, in small doses.

use anyhow::Result;
use sqlx::postgres::PgConnection;
use sqlx::{Acquire, Executor};

use super::pace::pause;

/// A report that sorts more than `work_mem` holds: seconds of work and temporary files.
pub(super) async fn report(shop: &mut PgConnection) -> Result<()> {
    const EVERY_MS: u64 = 20_000;
    shop.execute("set work_mem = '256kB'").await?;
    sqlx::query(
        "select c.city, p.category, date_trunc('week', o.placed_at) as week, sum(i.quantity * i.price) as revenue, \
         count(distinct c.id) as customers, percentile_cont(0.5) within group (order by o.total) as median \
         from orders o join order_items i on i.order_id = o.id join products p on p.id = i.product_id join customers c on c.id = o.customer_id \
         group by c.city, p.category, week order by revenue desc limit 50",
    )
    .fetch_all(&mut *shop)
    .await?;
    sqlx::query(
        "select path, count(*) as views from page_views where at > now() - interval '1 hour' group by path order by views desc limit 20",
    )
    .fetch_all(&mut *shop)
    .await?;
    pause(EVERY_MS).await;
    Ok(())
}

/// Opens a transaction, changes a row, and stays idle.
pub(super) async fn stay_idle_in_transaction(shop: &mut PgConnection) -> Result<()> {
    const IDLE_MS: u64 = 15_000;
    let mut forgotten = shop.begin().await?;
    sqlx::query("update customers set city = city where id = $1").bind(4_999).execute(&mut *forgotten).await?;
    pause(IDLE_MS).await;
    forgotten.rollback().await?;
    pause(IDLE_MS * 2).await;
    Ok(())
}

/// Two sessions update the same rows: one holds the lock while the other waits. Sometimes a lock timeout ends the wait.
pub(super) async fn fight_over_a_row(shop: &mut PgConnection, first: bool) -> Result<()> {
    const HELD_MS: u64 = 1_500;
    const BETWEEN_MS: u64 = 5_000;
    shop.execute("set lock_timeout = '2s'").await?;
    let mut sync = shop.begin().await?;
    let outcome = sqlx::query("update stock set reserved = reserved + 1 where product_id = 800").execute(&mut *sync).await;
    match outcome {
        Ok(_) => {
            pause(HELD_MS).await;
            sqlx::query("update stock set reserved = greatest(reserved - 1, 0) where product_id = 799").execute(&mut *sync).await?;
            sync.commit().await?;
        }
        // The lock timeout is part of the workload.
        Err(sqlx::Error::Database(_)) => sync.rollback().await?,
        Err(error) => return Err(error.into()),
    }
    pause(if first { BETWEEN_MS } else { BETWEEN_MS / 2 }).await;
    Ok(())
}
