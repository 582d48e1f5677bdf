//! The stores of a cluster: the S3 server and PostgreSQL keep what they acknowledged.

use anyhow::Result;
use e2e::servers::postgres::Options;
use e2e::servers::s3::{ACCESS_KEY, BUCKET, REGION, SECRET_KEY};
use e2e::servers::{Postgres, S3};
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutPayload};
use sqlx::Row;

fn client(s3: &S3, secret: &str) -> Result<AmazonS3> {
    let builder = AmazonS3Builder::new().with_endpoint(s3.endpoint()).with_allow_http(true).with_region(REGION).with_bucket_name(BUCKET);
    Ok(builder.with_access_key_id(ACCESS_KEY).with_secret_access_key(secret).build()?)
}

#[tokio::test]
async fn the_s3_server_keeps_acknowledged_objects_through_kill_9() -> Result<()> {
    let mut s3 = S3::start().await?;
    let store = client(&s3, SECRET_KEY)?;
    let path = Path::from("table=t/date=2026-01-01/1.parquet");
    store.put(&path, PutPayload::from_static(b"kept")).await?;
    // Creates only if there is no such object.
    let again = store.put_opts(&path, PutPayload::from_static(b"other"), PutMode::Create.into()).await;
    assert!(matches!(again, Err(object_store::Error::AlreadyExists { .. })), "{again:?}");
    // Large files are written in parts.
    let large = Path::from("table=t/date=2026-01-01/2.parquet");
    let mut upload = store.put_multipart(&large).await?;
    for part in 0..2_u8 {
        upload.put_part(PutPayload::from(vec![part; 5 << 20])).await?;
    }
    upload.complete().await?;
    s3.kill();
    s3.run().await?;
    assert_eq!(store.get(&path).await?.bytes().await?.as_ref(), b"kept");
    assert_eq!(store.head(&large).await?.size, 10 << 20);
    assert_eq!(store.get_range(&large, (5 << 20) - 1..(5 << 20) + 1).await?.as_ref(), [0, 1]);
    let listed: Vec<_> = futures::TryStreamExt::try_collect(store.list(Some(&Path::from("table=t")))).await?;
    assert_eq!(listed.len(), 2);
    store.delete(&path).await?;
    assert!(matches!(store.get(&path).await, Err(object_store::Error::NotFound { .. })));
    Ok(())
}

#[tokio::test]
async fn the_s3_server_refuses_a_wrong_secret() -> Result<()> {
    let s3 = S3::start().await?;
    let refused = client(&s3, "wrong")?.put(&Path::from("x"), PutPayload::from_static(b"x")).await;
    assert!(format!("{:?}", refused.expect_err("refused")).contains("SignatureDoesNotMatch"));
    Ok(())
}

#[tokio::test]
async fn postgresql_keeps_acknowledged_commits_through_kill_9() -> Result<()> {
    let mut server = Postgres::start_with(18, Options::default().set("synchronous_commit", "on")).await?;
    server.execute("create table kept (id int)").await?;
    for id in 0..3 {
        server.execute(&format!("insert into kept values ({id})")).await?;
        server.kill().await?;
        server.run().await?;
        let mut connection = server.connect().await?;
        let row = sqlx::query("select count(*) from kept").fetch_one(&mut connection).await?;
        assert_eq!(row.get::<i64, _>(0), id + 1);
    }
    Ok(())
}
