//! Clients that are silent, slow or many, and a shutdown under them.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use pganalytics_tls::{Limits, Tls};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::Notify;

use crate::authority::{Authority, GOOD};
use crate::served::{PATIENCE, echo, files, start, trusting};

/// Soon, where a test waits for a limit to strike.
const SOON: Duration = Duration::from_millis(50);

/// Waits until the other side has ended the connection.
async fn ended(mut stream: tokio::net::TcpStream) -> anyhow::Result<()> {
    let mut rest = Vec::new();
    // A reset is an end too.
    let _ = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut rest)).await?;
    Ok(())
}

#[tokio::test]
async fn half_open_clients_make_room_for_honest_ones_the_oldest_first() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let ours = Authority::new(folder.path(), "ours")?;
    let tls = Arc::new(Tls::load(files(&ours.issue("server", GOOD)?))?);
    let limits = Limits { handshakes: 2, handshake: Duration::from_secs(3600), ..Limits::default() };
    let served = start(Some(Arc::clone(&tls)), echo(), limits).await?;

    let oldest = served.connect().await?;
    let mut younger = served.connect().await?;
    // The front of a handshake record, and then nothing.
    younger.write_all(&[0x16, 3, 1]).await?;
    assert!(served.ask(trusting(&ours.file)?).await.is_ok());
    ended(oldest).await?;
    assert!(served.ask(trusting(&ours.file)?).await.is_ok());
    assert_eq!(tls.figures().handshake_failures, 1, "the younger one still has its place");
    Ok(())
}

#[tokio::test]
async fn who_says_nothing_is_let_go_with_tls_and_without() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let ours = Authority::new(folder.path(), "ours")?;
    let tls = Arc::new(Tls::load(files(&ours.issue("server", GOOD)?))?);
    let limits = Limits { handshake: SOON, first_request: SOON, head: SOON, ..Limits::default() };
    let encrypted = start(Some(tls), echo(), limits).await?;
    let plain = start(None, echo(), limits).await?;
    ended(encrypted.connect().await?).await?;
    ended(plain.connect().await?).await?;
    // The front of what could become HTTP/2, or a head that never ends.
    for front in ["PRI * HTTP/2", "GET / HTTP/1.1\r\nX-A: b\r\n"] {
        let mut stream = plain.connect().await?;
        stream.write_all(front.as_bytes()).await?;
        ended(stream).await?;
    }
    Ok(())
}

#[tokio::test]
async fn who_has_asked_is_not_let_go_however_long_the_answer_takes() -> anyhow::Result<()> {
    let (begun, told) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let slow = {
        let (begun, told) = (Arc::clone(&begun), Arc::clone(&told));
        Router::new().route(
            "/",
            get(async move || {
                begun.notify_one();
                told.notified().await;
                "at last"
            }),
        )
    };
    let served = start(None, slow, Limits { first_request: SOON, ..Limits::default() }).await?;
    let answer = tokio::spawn(reqwest::Client::builder().no_proxy().build()?.get(format!("http://{}/", served.address)).send());
    begun.notified().await;
    // Somebody who came later and says nothing is let go: so long has passed.
    ended(served.connect().await?).await?;
    told.notify_one();
    assert_eq!(answer.await??.text().await?, "at last");
    Ok(())
}

#[tokio::test]
async fn a_request_without_tls_is_answered_where_there_is_no_certificate() -> anyhow::Result<()> {
    let served = start(None, echo(), Limits::default()).await?;
    let answer = reqwest::Client::builder().no_proxy().build()?.get(format!("http://{}/", served.address)).send().await?;
    assert_eq!(answer.text().await?, "HTTP/1.1 127.0.0.1 tls=false certificate=false");
    Ok(())
}

#[tokio::test]
async fn a_stop_answers_what_is_under_way_and_lets_the_others_go() -> anyhow::Result<()> {
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
        // Nobody waits who has nothing to be answered.
        ended(idle).await?;
        // The port is free: no new connection is taken.
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
async fn what_does_not_end_after_a_stop_is_cut() -> anyhow::Result<()> {
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
