//! A server that is too old to be read. There is no such binary to start, so this server speaks just enough of the protocol to answer its version.

use anyhow::Result;
use e2e::drive::watched::down;
use e2e::drive::{Backend, Collector};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const VERSION: &str = "9.6.24";
/// The cells of the answer to the collector's first query, by position: version number and version first.
const FACTS: [&str; 10] = ["90624", VERSION, "postgres", "postgres", "f", "off", "1700000000000000", "", "", ""];

fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = i32::try_from(body.len() + 4).unwrap_or(i32::MAX).to_be_bytes();
    [&[kind], &length[..], body].concat()
}

/// The answer with one row of text cells: description, row, end.
fn answer(cells: &[&str]) -> Vec<u8> {
    const TEXT: i32 = 25;
    let count = i16::try_from(cells.len()).unwrap_or(i16::MAX).to_be_bytes();
    let (mut description, mut row) = (count.to_vec(), count.to_vec());
    for cell in cells {
        description.extend_from_slice(b"c\0");
        description.extend([0; 6]);
        description.extend(TEXT.to_be_bytes());
        description.extend((-1_i16).to_be_bytes());
        description.extend((-1_i32).to_be_bytes());
        description.extend([0; 2]);
        row.extend(i32::try_from(cell.len()).unwrap_or(i32::MAX).to_be_bytes());
        row.extend_from_slice(cell.as_bytes());
    }
    [message(b'T', &description), message(b'D', &row), message(b'C', b"SELECT 1\0")].concat()
}

/// The guard's answer: each value that it sets, as a server that sets them all.
fn guard(message: &str) -> Vec<&str> {
    let guard = message.split(';').next().unwrap_or_default();
    guard.split("set_config(").skip(1).filter_map(|call| call.split('\'').nth(3)).collect()
}

async fn serve(mut client: TcpStream) -> Result<()> {
    let ready = message(b'Z', b"I");
    let length = client.read_i32().await?;
    let mut startup = vec![0; usize::try_from(length - 4)?];
    client.read_exact(&mut startup).await?;
    let version = [&b"server_version\0"[..], VERSION.as_bytes(), b"\0"].concat();
    let hello = [message(b'R', &[0; 4]), message(b'S', &version), message(b'K', &[0; 8]), ready.clone()].concat();
    client.write_all(&hello).await?;
    loop {
        let kind = client.read_u8().await?;
        let length = client.read_i32().await?;
        let mut body = vec![0; usize::try_from(length - 4)?];
        client.read_exact(&mut body).await?;
        if kind == b'Q' {
            client.write_all(&[answer(&guard(&String::from_utf8_lossy(&body))), answer(&FACTS), ready.clone()].concat()).await?;
        }
    }
}

#[tokio::test]
async fn a_server_that_is_too_old_is_reported_as_too_old() -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let port = listener.local_addr()?.port();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            tokio::spawn(serve(client));
        }
    });
    let backend = Backend::start().await?;
    let target = format!("postgres://postgres@127.0.0.1:{port}/postgres?sslmode=disable");
    let collector = Collector::start(&backend, &[("ancient", target)]).await?;
    let reason = down(&backend.api, "ancient", "older than").await?;
    assert!(reason.contains(VERSION), "{reason}");
    drop(collector);
    Ok(())
}
