//! A TCP front of a backend that loses the first answer: the backend handles the request, and the client gets no answer.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result};
use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

/// The front; see the module. Dropping the value ends it.
#[derive(Debug)]
pub struct LossyFront {
    pub url: String,
    lost: Arc<Notify>,
    task: JoinHandle<()>,
}

impl LossyFront {
    /// Listens in front of this port of 127.0.0.1.
    ///
    /// # Errors
    /// If no port is free.
    pub async fn start(backend: u16) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.context("listen")?;
        let url = format!("http://{}", listener.local_addr().context("ask for the port")?);
        let (lost, loses) = (Arc::new(Notify::new()), Arc::new(AtomicBool::new(true)));
        let losing = Arc::clone(&lost);
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (loses, losing) = (Arc::clone(&loses), Arc::clone(&losing));
                tokio::spawn(pass(client, SocketAddr::from(([127, 0, 0, 1], backend)), loses, losing));
            }
        });
        Ok(Self { url, lost, task })
    }

    /// Waits until the answer is lost. The backend has handled the request by then.
    pub async fn lost(&self) {
        self.lost.notified().await;
    }
}

impl Drop for LossyFront {
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
        // The backend answers after it has handled the request.
        read = from_server.read(&mut answer) => {
            if read.is_ok_and(|bytes| bytes > 0) && loses.swap(false, Ordering::Relaxed) {
                lost.notify_one();
                // Keeps the connection open until the client is gone, so that the client does not ask again before.
                let _ = tokio::io::AsyncWriteExt::flush(&mut to_client).await;
                let _ = tokio::io::copy(&mut from_client, &mut tokio::io::sink()).await;
            }
        }
    }
}
