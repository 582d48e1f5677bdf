//! The shop's tables with their keys and indexes, one of which no query uses.

use anyhow::{Context, Result};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, Connection};

use crate::servers::postgres::execute;

/// The shop's database.
pub const DATABASE: &str = "shop";
/// The password of the shop's roles. The server listens on loopback and lives as long as the demo.
pub(super) const PASSWORD: &str = "shop";

pub(super) const CUSTOMERS: i32 = 5_000;
pub(super) const PRODUCTS: i32 = 800;
pub(super) const ORDERS: i32 = 20_000;

/// Makes the roles, the database and its rows if they are missing, and `pg_stat_statements` in the database of the connection. `server` must connect
/// as superuser.
///
/// # Errors
/// The server's.
pub async fn prepare(server: &PgConnectOptions) -> Result<()> {
    let mut connection = PgConnection::connect_with(server).await.context("connect to the server for the workload")?;
    execute(&mut connection, "create extension if not exists pg_stat_statements").await?;
    for role in ["shop_app", "shop_report", "shop_batch"] {
        let known: bool =
            sqlx::query_scalar("select exists (select from pg_roles where rolname = $1)").bind(role).fetch_one(&mut connection).await?;
        if !known {
            execute(&mut connection, &format!("create role {role} login password '{PASSWORD}'")).await?;
        }
    }
    let known: bool =
        sqlx::query_scalar("select exists (select from pg_database where datname = $1)").bind(DATABASE).fetch_one(&mut connection).await?;
    if !known {
        execute(&mut connection, &format!("create database {DATABASE}")).await?;
    }
    connection.close().await.context("close the connection")?;

    let mut shop = PgConnection::connect_with(&server.clone().database(DATABASE)).await.context("connect to the shop")?;
    let known: Option<String> = sqlx::query_scalar("select to_regclass('public.stock')::text").fetch_one(&mut shop).await?;
    if known.is_none() {
        sqlx::raw_sql(AssertSqlSafe(tables())).execute(&mut shop).await.context("make the shop's tables")?;
    }
    shop.close().await.context("close the connection")
}

fn tables() -> String {
    format!(
        "begin;
create table customers (
    id int primary key generated always as identity, email text not null unique, name text not null, city text not null,
    last_seen timestamptz);
create table products (
    id int primary key generated always as identity, sku text not null unique, title text not null, category text not null,
    price numeric(10, 2) not null, description text not null);
create table stock (product_id int primary key references products, quantity int not null, reserved int not null default 0);
create table orders (
    id bigint primary key generated always as identity, customer_id int not null references customers,
    status text not null, placed_at timestamptz not null default now(), total numeric(12, 2) not null default 0, note text);
create table order_items (
    order_id bigint not null references orders on delete cascade, line int not null, product_id int not null references products,
    quantity int not null, price numeric(10, 2) not null, primary key (order_id, line));
create table carts (customer_id int primary key references customers, items jsonb not null, updated_at timestamptz not null default now());
create table page_views (id bigint generated always as identity, at timestamptz not null default now(), path text not null, agent text not null);

insert into customers (email, name, city)
    select format('customer%s@example.com', n), format('Customer %s', n), (array['Berlin', 'Lyon', 'Porto', 'Oslo', 'Graz'])[1 + n % 5]
    from generate_series(1, {CUSTOMERS}) as n;
insert into products (sku, title, category, price, description)
    select format('SKU-%s', n), format('Product %s', n), (array['books', 'garden', 'kitchen', 'sport'])[1 + n % 4], 1 + n % 90, repeat('lorem ipsum ', 20)
    from generate_series(1, {PRODUCTS}) as n;
insert into stock (product_id, quantity) select id, 100000 from products;
insert into orders (customer_id, status, placed_at, total)
    select 1 + n * 7 % {CUSTOMERS}, (array['new', 'paid', 'sent', 'done'])[1 + n % 4], now() - n * interval '7 minutes', n % 300
    from generate_series(1, {ORDERS}) as n;
insert into order_items (order_id, line, product_id, quantity, price)
    select o.id, l, 1 + (o.id * l * 13) % {PRODUCTS}, 1 + l % 3, 1 + l % 90
    from orders as o, generate_series(1, 3) as l;
insert into carts (customer_id, items) select id, '[]' from customers where id % 5 = 0;

create index on orders (customer_id, placed_at desc);
create index on orders (status) where status <> 'done';
create index on order_items (product_id);
create index on products (category, price);
-- No query finds orders by their note.
create index orders_note_idx on orders (note);

grant usage on schema public to shop_app, shop_batch, shop_report;
grant select, insert, update, delete on all tables in schema public to shop_app, shop_batch;
grant select on all tables in schema public to shop_report;
-- Updated all the time, so that vacuum has work.
alter table carts set (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 200);
commit;
analyze;"
    )
}
