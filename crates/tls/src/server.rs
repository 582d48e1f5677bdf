//! The certificate in use, and when it is read again.
//!
//! Files are compared by content every few seconds, not watched: Kubernetes swaps symbolic links above them, and network file systems
//! tell nobody about changes.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use anyhow::Context as _;
use rustls::ServerConfig;
use tokio_util::sync::CancellationToken;

use crate::files::{ClientAuth, Clients, Configured, Contents, ServerFiles, now};

/// Certificates are renewed days before they expire; seconds matter to nobody but who waits for the change at a screen.
const READ_EVERY: Duration = Duration::from_secs(5);

/// A server's TLS, shared between its listener, its reloading and its metrics.
pub struct Tls {
    files: ServerFiles,
    served: RwLock<Served>,
    /// What was read last, good or not, so that each change is judged, and told, once.
    last: Mutex<Result<Contents, String>>,
    reloads: AtomicU64,
    failures: AtomicU64,
    pub(crate) refused: AtomicU64,
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls").field("files", &self.files).field("figures", &self.figures()).finish_non_exhaustive()
    }
}

struct Served {
    current: Current,
    clients: Clients,
    expires: i64,
    lists_due: Option<i64>,
}

/// What a new connection gets.
#[derive(Clone)]
pub(crate) struct Current {
    pub(crate) config: Arc<ServerConfig>,
    /// Cancelled when other clients than before are let in: who was let in by this configuration has to show its certificate again.
    pub(crate) outdated: CancellationToken,
}

impl Served {
    fn new(Configured { config, expires, lists_due }: Configured, clients: Clients, outdated: CancellationToken) -> Self {
        Self { current: Current { config: Arc::new(config), outdated }, clients, expires, lists_due }
    }
}

/// What reading the files again came to.
#[derive(Debug)]
pub enum Reloaded {
    /// They are as they were.
    Unchanged,
    /// New connections get the new certificate.
    Taken,
    /// They do not do; what was served before still is. Told once for each change.
    Kept(anyhow::Error),
}

/// For metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Figures {
    /// When the first certificate of the served chain expires, in seconds since the epoch.
    pub expires: i64,
    /// When the first list of revoked certificates should have been followed by a newer one, in seconds since the epoch.
    pub lists_due: Option<i64>,
    /// Changed files that were taken.
    pub reloads: u64,
    /// Changed files that were not.
    pub reload_failures: u64,
    /// Connections that came to no end of their handshake, for whatever reason.
    pub handshake_failures: u64,
}

impl Tls {
    /// Reads and checks the files. An expired certificate is served, with a word in the log: a restart must not make it worse.
    ///
    /// # Errors
    /// Where a file cannot be read or does not hold what it should.
    pub fn load(files: ServerFiles) -> anyhow::Result<Self> {
        let contents = files.contents()?;
        let configured = files.configure(&contents)?;
        let file = files.certificate.display();
        if configured.expires < now() {
            tracing::error!(%file, certificate.expires_s = configured.expires, "the certificate has expired: clients will refuse it; renew it");
        }
        Ok(Self {
            served: RwLock::new(Served::new(configured, contents.clients.clone(), CancellationToken::new())),
            last: Mutex::new(Ok(contents)),
            files,
            reloads: AtomicU64::new(0),
            failures: AtomicU64::new(0),
            refused: AtomicU64::new(0),
        })
    }

    /// Whether clients show certificates.
    #[must_use]
    pub fn client_auth(&self) -> ClientAuth {
        self.files.client_auth
    }

    #[must_use]
    pub fn figures(&self) -> Figures {
        let (expires, lists_due) = {
            let served = self.served.read().unwrap_or_else(PoisonError::into_inner);
            (served.expires, served.lists_due)
        };
        Figures {
            expires,
            lists_due,
            reloads: self.reloads.load(Ordering::Relaxed),
            reload_failures: self.failures.load(Ordering::Relaxed),
            handshake_failures: self.refused.load(Ordering::Relaxed),
        }
    }

    /// What a new connection gets.
    pub(crate) fn current(&self) -> Current {
        self.served.read().unwrap_or_else(PoisonError::into_inner).current.clone()
    }

    /// Reads the files, and takes them where they changed and do. Waits for the disk.
    pub fn reload(&self) -> Reloaded {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let read = self.files.contents();
        let seen = read.as_ref().map(Clone::clone).map_err(|error| format!("{error:#}"));
        if *last == seen {
            return Reloaded::Unchanged;
        }
        *last = seen;
        let checked = read.and_then(|contents| {
            let configured = self.files.configure(&contents)?;
            let file = self.files.certificate.display();
            anyhow::ensure!(configured.expires >= now(), "the certificate in {file} has expired already");
            Ok((configured, contents))
        });
        match checked {
            Ok((configured, contents)) => {
                let mut served = self.served.write().unwrap_or_else(PoisonError::into_inner);
                let same = served.clients == contents.clients;
                let outdated = if same { served.current.outdated.clone() } else { CancellationToken::new() };
                let before = std::mem::replace(&mut *served, Served::new(configured, contents.clients, outdated));
                drop(served);
                if !same {
                    before.current.outdated.cancel();
                }
                self.reloads.fetch_add(1, Ordering::Relaxed);
                Reloaded::Taken
            }
            Err(error) => {
                self.failures.fetch_add(1, Ordering::Relaxed);
                Reloaded::Kept(error)
            }
        }
    }

    /// Reads the files again and again, and tells what became of it, until told to stop.
    ///
    /// # Errors
    /// Where reading panicked.
    pub async fn watch(self: Arc<Self>, stop: CancellationToken) -> anyhow::Result<()> {
        let mut told = None;
        let mut ticks = tokio::time::interval(READ_EVERY);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                _ = ticks.tick() => {}
            }
            let tls = Arc::clone(&self);
            let reloaded = tokio::task::spawn_blocking(move || tls.reload()).await.context("read the certificate again")?;
            let file = self.files.certificate.display();
            if let (Some(list), Some(due)) = (&self.files.client_crl, self.figures().lists_due)
                && due < now()
                && told.replace(due) != Some(due)
            {
                tracing::warn!(
                    file = %list.display(),
                    revocations.due_s = due,
                    "the list of revoked certificates is overdue: what was revoked since then is let in; fetch the newer one"
                );
            }
            match reloaded {
                Reloaded::Unchanged => {}
                Reloaded::Taken => tracing::info!(%file, certificate.expires_s = self.figures().expires, "serving the new certificate"),
                Reloaded::Kept(error) => tracing::error!(
                    error = format!("{error:#}"),
                    certificate.expires_s = self.figures().expires,
                    "the changed certificate, key, client authorities or revocations cannot be taken; the old ones are still served: correct the files"
                ),
            }
        }
    }
}
