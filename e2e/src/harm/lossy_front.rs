//! A way to a backend that loses the first answer: the request arrives and is done, and who asked never hears of it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result};
use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

/// See the module; it ends when it is dropped.
#[derive(Debug)]
pub struct Front {
    pub url: String,
    lost: Arc<Notify>,
    task: JoinHandle<()>,
}

impl Front {
    /// In front of this port of 127.0.0.1.
    ///
    /// # Errors
    /// When no port is free.
    pub async fn start(backend: u16) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.context("listen")?;
        let url = format!("http://{}", listener.local_addr().context("ask for the port")?);
        let (lost, loses) = (Arc::new(Notify::new()), Arc::new(AtomicBool::new(true)));
        let told = Arc::clone(&lost);
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (loses, told) = (Arc::clone(&loses), Arc::clone(&told));
                tokio::spawn(pass(client, SocketAddr::from(([127, 0, 0, 1], backend)), loses, told));
            }
        });
        Ok(Self { url, lost, task })
    }

    /// Waits until the answer is lost: what was asked is done by then.
    pub async fn lost(&self) {
        self.lost.notified().await;
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn pass(mut client: TcpStream, backend: SocketAddr, loses: Arc<AtomicBool>, lost: Arc<Notify>) {
    let Ok(mut server) = TcpStream::connect(backend).await else { return };
    if !loses.load(Ordering::Relaxed) {
        let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
        return;
    }
    let (mut from_client, mut to_client) = client.split();
    let (mut from_server, mut to_server) = server.split();
    let mut answer = [0; 1];
    tokio::select! {
        _ = tokio::io::copy(&mut from_client, &mut to_server) => {}
        // The backend answers after it has done what was asked.
        read = from_server.read(&mut answer) => {
            if read.is_ok_and(|bytes| bytes > 0) && loses.swap(false, Ordering::Relaxed) {
                lost.notify_one();
                // Held until the one who asked is gone, so that it cannot ask again before.
                let _ = tokio::io::AsyncWriteExt::flush(&mut to_client).await;
                let _ = tokio::io::copy(&mut from_client, &mut tokio::io::sink()).await;
            }
        }
    }
}
