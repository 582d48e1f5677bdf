//! What every handler shares.

use std::ops::Deref;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use pganalytics_lake::Lake;
use pganalytics_tls::{ClientAuth, Tls};

use crate::limiter::LoginLimiter;
use crate::metrics::Metrics;
use crate::redis::Redis;
use crate::secret::{Passwords, Secret, fingerprint};
use crate::service_account::ServiceAccounts;

/// How long a login lasts where nothing else is said: a week of work, so that nobody on call types a password at 3 a.m.
pub const DEFAULT_SESSION_LIFETIME: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// How long a request may take where nothing else is said, SQL apart (the lake has its own deadline for that).
pub const DEFAULT_REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// What may be set about the server.
#[derive(Debug, Clone)]
pub struct ServerOptions {
    /// Fixed from login on; use does not extend it.
    pub session_lifetime: Duration,
    /// Beyond it a request is answered 504, except for SQL.
    pub request_timeout: Duration,
    /// Whether a proxy in front sets `X-Forwarded-For`, `-Proto` and `-Host`. Without one, anybody could set them.
    pub trusted_proxy: bool,
    /// Whether each SQL statement is told in the log, with who asked it.
    pub audit_statements: bool,
    /// A folder to serve the web UI from, instead of the built-in one.
    pub ui: Option<PathBuf>,
    /// The certificate to serve with; plain HTTP where there is none.
    pub tls: Option<Arc<Tls>>,
    /// Whether a collector's certificate has to be for the collector's name.
    pub client_bind: bool,
    /// Where replicas share what they can do without. The lake is told of it apart.
    pub redis: Option<Redis>,
    /// Kubernetes ServiceAccounts whose collectors may enrol.
    pub service_accounts: Option<ServiceAccounts>,
}

impl Default for ServerOptions {
    fn default() -> Self {
        Self {
            session_lifetime: DEFAULT_SESSION_LIFETIME,
            request_timeout: DEFAULT_REQUEST_TIMEOUT,
            trusted_proxy: false,
            audit_statements: false,
            ui: None,
            tls: None,
            client_bind: false,
            redis: None,
            service_accounts: None,
        }
    }
}

/// The application: cheap to clone.
#[derive(Clone)]
pub struct App(Arc<Inner>);

/// See [`App`].
pub struct Inner {
    pub(crate) lake: Lake,
    pub(crate) options: ServerOptions,
    pub(crate) passwords: Passwords,
    pub(crate) limiter: LoginLimiter,
    /// Of enrolment tokens; apart, so that neither kind of guessing holds up the other.
    pub(crate) enrolments: LoginLimiter,
    pub(crate) metrics: Metrics,
    /// The hash of the token that lets this machine's command line in, where there is one.
    pub(crate) operator: Option<[u8; 32]>,
    draining: AtomicBool,
}

impl App {
    /// An application over a lake.
    ///
    /// # Errors
    /// Where the operating system yields no randomness.
    pub fn new(lake: Lake, options: ServerOptions) -> anyhow::Result<Self> {
        Self::with_operator(lake, options, None)
    }

    /// An application that also lets in whoever shows this token, as an admin: the command line on the same machine. The token lives and
    /// dies with the process and is in no store.
    ///
    /// # Errors
    /// As of [`App::new`].
    pub fn with_operator(lake: Lake, options: ServerOptions, operator: Option<&Secret>) -> anyhow::Result<Self> {
        Ok(Self(Arc::new(Inner {
            operator: operator.map(|token| fingerprint(token.expose())),
            limiter: LoginLimiter::new("login", lake.meta().clone(), options.redis.clone()),
            enrolments: LoginLimiter::new("enrolment", lake.meta().clone(), options.redis.clone()),
            lake,
            options,
            passwords: Passwords::new()?,
            metrics: Metrics::new(),
            draining: AtomicBool::new(false),
        })))
    }

    /// From now on `/readyz` says no, so that a load balancer looks elsewhere while requests are still answered.
    pub fn drain(&self) {
        self.0.draining.store(true, Ordering::Relaxed);
    }

    /// Whether collectors must show a certificate. Where everybody must, nobody without one comes this far.
    pub(crate) fn wants_certificates(&self) -> bool {
        self.0.options.tls.as_ref().is_some_and(|tls| tls.client_auth() == ClientAuth::Optional)
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.0.draining.load(Ordering::Relaxed)
    }
}

impl Deref for App {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}
