//! Clients that are silent, slow or many, and a shutdown while clients are connected.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use pganalytics_tls::{Limits, Tls};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::Notify;

use crate::authority::{Authority, GOOD};
use crate::served::{PATIENCE, echo, files, start, trusting};

/// A short limit, for tests that wait until it expires.
const SOON: Duration = Duration::from_millis(50);

/// Waits until the other side has ended the connection.
async fn ended(mut stream: tokio::net::TcpStream) -> anyhow::Result<()> {
    let mut rest = Vec::new();
    // A reset is an end, too.
    let _ = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut rest)).await?;
    Ok(())
}

#[tokio::test]
async fn the_oldest_unfinished_handshake_ends_when_there_are_too_many() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let ours = Authority::new(folder.path(), "ours")?;
    let tls = Arc::new(Tls::load(files(&ours.issue("server", GOOD)?))?);
    let limits = Limits { handshakes: 2, handshake: Duration::from_secs(3600), ..Limits::default() };
    let served = start(Some(Arc::clone(&tls)), echo(), limits).await?;

    let oldest = served.connect().await?;
    let mut younger = served.connect().await?;
    // The beginning of a handshake record, and then nothing.
    younger.write_all(&[0x16, 3, 1]).await?;
    assert!(served.ask(trusting(&ours.file)?).await.is_ok());
    ended(oldest).await?;
    assert!(served.ask(trusting(&ours.file)?).await.is_ok());
    assert_eq!(tls.figures().handshake_failures, 1, "the younger one keeps its slot");
    Ok(())
}

#[tokio::test]
async fn silent_clients_are_disconnected_with_and_without_tls() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let ours = Authority::new(folder.path(), "ours")?;
    let tls = Arc::new(Tls::load(files(&ours.issue("server", GOOD)?))?);
    let limits = Limits { handshake: SOON, first_request: SOON, head: SOON, ..Limits::default() };
    let encrypted = start(Some(tls), echo(), limits).await?;
    let plain = start(None, echo(), limits).await?;
    ended(encrypted.connect().await?).await?;
    ended(plain.connect().await?).await?;
    // The beginning of an HTTP/2 preface, and a head that never ends.
    for front in ["PRI * HTTP/2", "GET / HTTP/1.1\r\nX-A: b\r\n"] {
        let mut stream = plain.connect().await?;
        stream.write_all(front.as_bytes()).await?;
        ended(stream).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_client_with_a_running_request_is_not_disconnected() -> anyhow::Result<()> {
    let (begun, finish) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let slow = {
        let (begun, finish) = (Arc::clone(&begun), Arc::clone(&finish));
        Router::new().route(
            "/",
            get(async move || {
                begun.notify_one();
                finish.notified().await;
                "at last"
            }),
        )
    };
    let served = start(None, slow, Limits { first_request: SOON, ..Limits::default() }).await?;
    let answer = tokio::spawn(reqwest::Client::builder().no_proxy().build()?.get(format!("http://{}/", served.address)).send());
    begun.notified().await;
    // A silent client that connected later is disconnected: so the limit has passed.
    ended(served.connect().await?).await?;
    finish.notify_one();
    assert_eq!(answer.await??.text().await?, "at last");
    Ok(())
}

#[tokio::test]
async fn without_a_certificate_plain_http_is_served() -> anyhow::Result<()> {
    let served = start(None, echo(), Limits::default()).await?;
    let answer = reqwest::Client::builder().no_proxy().build()?.get(format!("http://{}/", served.address)).send().await?;
    assert_eq!(answer.text().await?, "HTTP/1.1 127.0.0.1 tls=false certificate=false");
    Ok(())
}

#[tokio::test]
async fn a_stop_answers_running_requests_and_disconnects_idle_clients() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let ours = Authority::new(folder.path(), "ours")?;
    let tls = Arc::new(Tls::load(files(&ours.issue("server", GOOD)?))?);
    let (begun, finish) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let slow = {
        let (begun, finish) = (Arc::clone(&begun), Arc::clone(&finish));
        Router::new().route(
            "/",
            get(|| async move {
                begun.notify_one();
                finish.notified().await;
                "done"
            }),
        )
    };
    let mut served = start(Some(tls), slow, Limits::default()).await?;
    let idle = served.connect().await?;
    let client = trusting(&ours.file)?;
    let (stop, address) = (served.stop.clone(), served.address);
    let shutting = async {
        begun.notified().await;
        stop.cancel();
        // An idle client is disconnected.
        ended(idle).await?;
        // The port is free: no new connection is accepted.
        while tokio::net::TcpStream::connect(address).await.is_ok() {
            tokio::task::yield_now().await;
        }
        finish.notify_one();
        anyhow::Ok(())
    };
    let (answer, shut) = tokio::join!(served.ask(client), shutting);
    shut?;
    assert_eq!(answer.as_deref(), Ok("done"));
    tokio::time::timeout(PATIENCE, &mut served.task).await??;
    Ok(())
}

#[tokio::test]
async fn a_request_that_does_not_end_after_a_stop_is_aborted() -> anyhow::Result<()> {
    let begun = Arc::new(Notify::new());
    let endless = {
        let begun = Arc::clone(&begun);
        Router::new().route(
            "/",
            get(|| async move {
                begun.notify_one();
                std::future::pending::<&'static str>().await
            }),
        )
    };
    let mut served = start(None, endless, Limits { drain: SOON, ..Limits::default() }).await?;
    let mut stream = served.connect().await?;
    stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await?;
    begun.notified().await;
    served.stop.cancel();
    ended(stream).await?;
    tokio::time::timeout(PATIENCE, &mut served.task).await??;
    Ok(())
}
