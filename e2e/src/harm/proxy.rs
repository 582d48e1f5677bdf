//! A TCP proxy between two processes. A test sets the quality of the line while the processes talk.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::machine::ports;

/// The quality of the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Line {
    Good,
    /// Each piece of data, in either direction, is delayed.
    Slow(Duration),
    /// Old and new connections break.
    Broken,
    /// A PostgreSQL transaction in which these words were sent is committed. When the server has answered, the connection breaks, and the client
    /// does not get the answer. A statement's words are sent once per connection, when the statement is prepared.
    LosesCommitAfter(&'static [u8]),
}

/// A proxy; see the module. Dropping the value ends its connections.
#[derive(Debug)]
pub struct Proxy {
    pub port: u16,
    line: watch::Sender<Line>,
    lost: Arc<AtomicU32>,
    thread: Option<JoinHandle<Result<()>>>,
}

impl Proxy {
    /// Listens on a free loopback port and forwards to this address.
    ///
    /// # Errors
    /// If the proxy cannot listen.
    pub fn to(server: SocketAddr) -> Result<Self> {
        let port = ports::free()?;
        let listener = std::net::TcpListener::bind(("127.0.0.1", port)).context("listen as a proxy")?;
        let (line, changes) = watch::channel(Line::Good);
        let lost = Arc::new(AtomicU32::new(0));
        let count = Arc::clone(&lost);
        // On its own thread: the test's thread blocks while it waits for a process to end that still talks.
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("start the proxy's runtime")?;
            runtime.block_on(serve(listener, server, changes, count))
        });
        Ok(Self { port, line, lost, thread: Some(thread) })
    }

    /// Sets the line's quality, for open connections too.
    pub fn set(&self, line: Line) {
        self.line.send_replace(line);
    }

    /// The number of answers lost so far.
    #[must_use]
    pub fn lost(&self) -> u32 {
        self.lost.load(Ordering::Relaxed)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // The receivers notice that the sender is gone.
        self.line = watch::Sender::new(Line::Broken);
        if let Some(Ok(Err(error))) = self.thread.take().map(JoinHandle::join) {
            eprintln!("{error:#}");
        }
    }
}

/// Serves until the proxy is dropped.
async fn serve(listener: std::net::TcpListener, server: SocketAddr, mut line: watch::Receiver<Line>, lost: Arc<AtomicU32>) -> Result<()> {
    listener.set_nonblocking(true).context("listen as a proxy")?;
    let listener = TcpListener::from_std(listener).context("listen as a proxy")?;
    let mut connections = tokio::task::JoinSet::new();
    loop {
        let (client, _) = tokio::select! {
            accepted = listener.accept() => accepted.context("accept a connection as a proxy")?,
            changed = line.changed() => match changed {
                Ok(()) => continue,
                Err(_) => return Ok(()),
            },
        };
        // A connection whose other end is gone ends with an error that no test needs.
        connections.spawn(relay(client, server, line.clone(), Arc::clone(&lost)));
        while connections.try_join_next().is_some() {}
    }
}

async fn relay(mut client: TcpStream, server: SocketAddr, mut line: watch::Receiver<Line>, lost: Arc<AtomicU32>) -> std::io::Result<()> {
    const PIECE: usize = 64 << 10;
    if *line.borrow_and_update() == Line::Broken {
        return Ok(());
    }
    let mut server = TcpStream::connect(server).await?;
    let (mut up, mut down) = (vec![0; PIECE], vec![0; PIECE]);
    let mut awaits_commit = false;
    loop {
        let (sent, answered) = tokio::select! {
            read = client.read(&mut up) => (read?, None),
            read = server.read(&mut down) => (0, Some(read?)),
            changed = line.changed() => {
                if changed.is_err() || *line.borrow() == Line::Broken {
                    return Ok(());
                }
                continue;
            }
        };
        let now = *line.borrow();
        if let Line::Slow(delay) = now {
            tokio::time::sleep(delay).await;
        }
        match answered {
            Some(0) => return Ok(()),
            Some(bytes) => client.write_all(&down[..bytes]).await?,
            None if sent == 0 => return Ok(()),
            None => {
                server.write_all(&up[..sent]).await?;
                let Line::LosesCommitAfter(words) = now else { continue };
                let has = |words: &[u8]| up[..sent].windows(words.len()).any(|window| window == words);
                awaits_commit |= has(words);
                if awaits_commit && has(b"COMMIT") {
                    // If the server has ended the connection itself, there is no answer to lose.
                    if server.read(&mut down).await? > 0 {
                        lost.fetch_add(1, Ordering::Relaxed);
                    }
                    return Ok(());
                }
            }
        }
    }
}
