//! The certificate in use, and its reloading.
//!
//! The contents of the files are compared every few seconds. Watching the files would not work: Kubernetes replaces symbolic links above
//! them, and network file systems do not report changes.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use anyhow::Context as _;
use rustls::ServerConfig;
use tokio_util::sync::CancellationToken;

use crate::files::{ClientAuth, Clients, Configured, Contents, ServerFiles, now};

/// How often the files are read. Certificates are renewed days before they expire, so a few seconds do not matter.
const READ_EVERY: Duration = Duration::from_secs(5);

/// The TLS state of a server, shared by listener, reloading and metrics.
pub struct Tls {
    files: ServerFiles,
    served: RwLock<Served>,
    /// The last contents read, valid or not. Each change is checked and logged once.
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

/// The configuration for new connections.
#[derive(Clone)]
pub(crate) struct Current {
    pub(crate) config: Arc<ServerConfig>,
    /// Cancelled when the authorities or revocations of clients change. Clients accepted by this configuration must then connect again.
    pub(crate) outdated: CancellationToken,
}

impl Served {
    fn new(Configured { config, expires, lists_due }: Configured, clients: Clients, outdated: CancellationToken) -> Self {
        Self { current: Current { config: Arc::new(config), outdated }, clients, expires, lists_due }
    }
}

/// The result of reading the files again.
#[derive(Debug)]
pub enum Reloaded {
    /// The files have not changed.
    Unchanged,
    /// The new files are in use for new connections.
    Loaded,
    /// The new files are invalid; the old ones stay in use. Returned once for each change.
    Invalid(anyhow::Error),
}

/// Figures for metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Figures {
    /// When the first certificate of the served chain expires: seconds since the epoch.
    pub expires: i64,
    /// When the first newer revocation list is due: seconds since the epoch.
    pub lists_due: Option<i64>,
    /// Changes of the files that were loaded.
    pub reloads: u64,
    /// Changes of the files that were invalid.
    pub reload_failures: u64,
    /// Connections whose handshake failed for any reason.
    pub handshake_failures: u64,
}

impl Tls {
    /// Reads and checks the files. An expired certificate is used, and logged as an error: a restart must not make things worse.
    ///
    /// # Errors
    /// A file cannot be read or is invalid.
    pub fn load(files: ServerFiles) -> anyhow::Result<Self> {
        let contents = files.contents()?;
        let configured = files.configure(&contents)?;
        let file = files.certificate.display();
        if configured.expires < now() {
            tracing::error!(%file, certificate.expires_s = configured.expires, "the certificate has expired and clients will refuse it; renew it");
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

    /// Whether clients must show certificates.
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

    /// The configuration for new connections.
    pub(crate) fn current(&self) -> Current {
        self.served.read().unwrap_or_else(PoisonError::into_inner).current.clone()
    }

    /// Reads the files, and uses them if they have changed and are valid. Blocks on the disk.
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
            anyhow::ensure!(configured.expires >= now(), "the certificate in {file} has already expired");
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
                Reloaded::Loaded
            }
            Err(error) => {
                self.failures.fetch_add(1, Ordering::Relaxed);
                Reloaded::Invalid(error)
            }
        }
    }

    /// Reads the files periodically until `stop`, and logs changes.
    ///
    /// # Errors
    /// Reading panicked.
    pub async fn watch(self: Arc<Self>, stop: CancellationToken) -> anyhow::Result<()> {
        let mut reported = None;
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
                && reported.replace(due) != Some(due)
            {
                tracing::warn!(
                    file = %list.display(),
                    revocations.due_s = due,
                    "the revocation list is overdue: certificates revoked since then are accepted; install the newer list"
                );
            }
            match reloaded {
                Reloaded::Unchanged => {}
                Reloaded::Loaded => tracing::info!(%file, certificate.expires_s = self.figures().expires, "using the new certificate"),
                Reloaded::Invalid(error) => tracing::error!(
                    error = format!("{error:#}"),
                    certificate.expires_s = self.figures().expires,
                    "the changed certificate, key, client authorities or revocations are invalid; the old ones stay in use: correct the files"
                ),
            }
        }
    }
}
