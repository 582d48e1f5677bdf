//! The statements of visitors and of the order desk: short, with many calls.

use anyhow::Result;
use rand::RngExt as _;
use sqlx::postgres::PgConnection;
use sqlx::{Acquire, Executor, Row};

use super::pace::{favourite, pause};
use super::schema::{CUSTOMERS, PRODUCTS};

/// One step of one visitor, and the pause after it. Traffic rises and falls over a few minutes, so that charts have a shape.
pub(super) async fn visit(shop: &mut PgConnection, number: u64) -> Result<()> {
    const STEP_MS: u64 = 90;
    let customer = favourite(CUSTOMERS);
    let choice = rand::rng().random_range(0..100);
    match choice {
        0..30 => browse(shop).await?,
        30..50 => look_at_product(shop).await?,
        50..62 => search(shop).await?,
        62..74 => fill_cart(shop, customer).await?,
        74..84 => see_orders(shop, customer).await?,
        84..92 => buy(shop, customer).await?,
        92..96 => give_up_at_checkout(shop, customer).await?,
        _ => sign_in(shop, customer).await?,
    }
    pause(STEP_MS * tide(number)).await;
    Ok(())
}

/// Sends paid orders and deletes cancelled orders, a few at a time.
pub(super) async fn process_orders(shop: &mut PgConnection) -> Result<()> {
    const EVERY_MS: u64 = 3_000;
    sqlx::query(
        "update orders set status = 'sent' where id in (select id from orders where status = 'paid' order by placed_at limit 20 for update skip locked)",
    )
    .execute(&mut *shop)
    .await?;
    sqlx::query("update orders set status = 'done' where id in (select id from orders where status = 'sent' order by placed_at limit 15)")
        .execute(&mut *shop)
        .await?;
    sqlx::query("delete from orders where id in (select id from orders where status = 'cancelled' order by id limit 10)")
        .execute(&mut *shop)
        .await?;
    sqlx::query("update stock set quantity = quantity + 500 where quantity < 1000").execute(&mut *shop).await?;
    pause(EVERY_MS).await;
    Ok(())
}

/// The length of a pause, from 1 (busy) to 4 (quiet), with a period of four minutes.
fn tide(number: u64) -> u64 {
    const PERIOD_S: u64 = 240;
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let place = (now + number * 10) % PERIOD_S * 8 / PERIOD_S;
    [1, 1, 2, 3, 4, 3, 2, 1][usize::try_from(place).unwrap_or(0)]
}

async fn browse(shop: &mut PgConnection) -> Result<()> {
    let category = ["books", "garden", "kitchen", "sport"][rand::rng().random_range(0..4)];
    sqlx::query("select id, title, price from products where category = $1 order by price limit 24")
        .bind(category)
        .fetch_all(&mut *shop)
        .await?;
    sqlx::query("insert into page_views (path, agent) values ($1, $2)")
        .bind(format!("/category/{category}"))
        .bind("Mozilla/5.0 (a long and tiresome user agent string, as they are)")
        .execute(shop)
        .await?;
    Ok(())
}

async fn look_at_product(shop: &mut PgConnection) -> Result<()> {
    let product = favourite(PRODUCTS);
    sqlx::query("select p.*, s.quantity - s.reserved as available from products p join stock s on s.product_id = p.id where p.id = $1")
        .bind(product)
        .fetch_optional(&mut *shop)
        .await?;
    sqlx::query(
        "select i2.product_id, count(*) as together from order_items i1 join order_items i2 on i2.order_id = i1.order_id and i2.product_id <> i1.product_id \
         where i1.product_id = $1 group by i2.product_id order by together desc limit 5",
    )
    .bind(product)
    .fetch_all(&mut *shop)
    .await?;
    sqlx::query("insert into page_views (path, agent) values ($1, $2)")
        .bind(format!("/product/{product}"))
        .bind("shop-app/7.1")
        .execute(shop)
        .await?;
    Ok(())
}

/// Reads the whole table each time: no index helps.
async fn search(shop: &mut PgConnection) -> Result<()> {
    let pattern = format!("%{}%", favourite(99));
    sqlx::query("select id, title, price from products where title ilike $1 or description ilike $1 order by price desc limit 20")
        .bind(pattern)
        .fetch_all(shop)
        .await?;
    Ok(())
}

async fn fill_cart(shop: &mut PgConnection, customer: i32) -> Result<()> {
    sqlx::query(
        "insert into carts (customer_id, items) values ($1, jsonb_build_array($2::int)) \
         on conflict (customer_id) do update set items = jsonb_build_array($2::int), updated_at = now()",
    )
    .bind(customer)
    .bind(favourite(PRODUCTS))
    .execute(shop)
    .await?;
    Ok(())
}

async fn see_orders(shop: &mut PgConnection, customer: i32) -> Result<()> {
    sqlx::query(
        "select o.id, o.status, o.placed_at, o.total, count(i.line) as lines from orders o left join order_items i on i.order_id = o.id \
         where o.customer_id = $1 group by o.id order by o.placed_at desc limit 10",
    )
    .bind(customer)
    .fetch_all(shop)
    .await?;
    Ok(())
}

async fn buy(shop: &mut PgConnection, customer: i32) -> Result<()> {
    let mut order = shop.begin().await?;
    let id: i64 = sqlx::query("insert into orders (customer_id, status) values ($1, 'paid') returning id")
        .bind(customer)
        .fetch_one(&mut *order)
        .await?
        .get(0);
    let lines = rand::rng().random_range(1..4);
    for line in 1..=lines {
        let product = favourite(PRODUCTS);
        sqlx::query(
            "insert into order_items (order_id, line, product_id, quantity, price) select $1, $2, id, 1, price from products where id = $3",
        )
        .bind(id)
        .bind(line)
        .bind(product)
        .execute(&mut *order)
        .await?;
    }
    sqlx::query("update orders set total = (select sum(price * quantity) from order_items where order_id = $1) where id = $1")
        .bind(id)
        .execute(&mut *order)
        .await?;
    sqlx::query("update stock set quantity = quantity - 1 where product_id = $1").bind(favourite(PRODUCTS)).execute(&mut *order).await?;
    order.commit().await?;
    Ok(())
}

async fn give_up_at_checkout(shop: &mut PgConnection, customer: i32) -> Result<()> {
    let mut order = shop.begin().await?;
    sqlx::query("select id from orders where customer_id = $1 and status = 'new' for update").bind(customer).fetch_all(&mut *order).await?;
    sqlx::query("update orders set status = 'cancelled' where customer_id = $1 and status = 'new'")
        .bind(customer)
        .execute(&mut *order)
        .await?;
    pause(30).await;
    order.rollback().await?;
    Ok(())
}

async fn sign_in(shop: &mut PgConnection, customer: i32) -> Result<()> {
    let email = format!("customer{customer}@example.com");
    let found = sqlx::query("select id, name from customers where email = $1").bind(email).fetch_optional(&mut *shop).await?;
    if let Some(found) = found {
        sqlx::query("update customers set last_seen = now() where id = $1").bind(found.get::<i32, _>(0)).execute(&mut *shop).await?;
    }
    shop.execute("select set_config('shop.signed_in', 'true', false)").await?;
    Ok(())
}
