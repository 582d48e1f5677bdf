//! The application: options and state that all handlers share.

use std::ops::Deref;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use pganalytics_lake::Lake;
use pganalytics_tls::{ClientAuth, Tls};

use crate::audit::Refusals;
use crate::limiter::LoginLimiter;
use crate::metrics::Metrics;
use crate::redis::Redis;
use crate::secret::{Passwords, Secret, fingerprint};
use crate::service_account::ServiceAccounts;

/// The backend's version.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
/// The default lifetime of a login: a week, so that nobody on call has to type a password at 3 a.m.
pub const DEFAULT_SESSION_LIFETIME: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// The default time limit of a request. SQL has the lake's own deadline instead.
pub const DEFAULT_REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// The options of the server.
#[derive(Debug, Clone)]
pub struct ServerOptions {
    /// The lifetime of a login. Use does not extend it.
    pub session_lifetime: Duration,
    /// A longer request is answered with 504, except for SQL.
    pub request_timeout: Duration,
    /// Whether a proxy in front sets `X-Forwarded-For`, `-Proto` and `-Host`. Without such a proxy anybody could set them.
    pub trusted_proxy: bool,
    /// Whether each SQL statement is logged with its sender.
    pub audit_statements: bool,
    /// A folder with the web UI, instead of the built-in one.
    pub ui: Option<PathBuf>,
    /// The certificate. Without it the server uses plain HTTP.
    pub tls: Option<Arc<Tls>>,
    /// Whether a collector's certificate must be for the collector's name.
    pub client_bind: bool,
    /// A Redis that replicas share. The lake gets it separately.
    pub redis: Option<Redis>,
    /// The Kubernetes ServiceAccounts whose collectors may enrol.
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

/// The application. It is cheap to clone.
#[derive(Clone)]
pub struct App(Arc<Inner>);

/// See [`App`].
pub struct Inner {
    pub(crate) lake: Lake,
    pub(crate) options: ServerOptions,
    pub(crate) passwords: Passwords,
    pub(crate) limiter: LoginLimiter,
    /// Limits guesses of enrolment tokens. It is separate, so that guesses of one kind do not slow down the other.
    pub(crate) enrolments: LoginLimiter,
    pub(crate) metrics: Metrics,
    pub(crate) refusals: Refusals,
    /// The hash of the token of this machine's command line, if there is one.
    pub(crate) operator: Option<[u8; 32]>,
    draining: AtomicBool,
}

impl App {
    /// An application over a lake.
    ///
    /// # Errors
    /// The operating system provides no randomness.
    pub fn new(lake: Lake, options: ServerOptions) -> anyhow::Result<Self> {
        Self::with_operator(lake, options, None)
    }

    /// An application with a token for the command line on the same machine, which gets the role admin. The token is valid as long as the
    /// process runs, and is in no store.
    ///
    /// # Errors
    /// The same as [`App::new`].
    pub fn with_operator(lake: Lake, options: ServerOptions, operator: Option<&Secret>) -> anyhow::Result<Self> {
        Ok(Self(Arc::new(Inner {
            operator: operator.map(|token| fingerprint(token.expose())),
            limiter: LoginLimiter::new("login", lake.meta().clone(), options.redis.clone()),
            enrolments: LoginLimiter::new("enrolment", lake.meta().clone(), options.redis.clone()),
            lake,
            options,
            passwords: Passwords::new()?,
            metrics: Metrics::new(),
            refusals: Refusals::default(),
            draining: AtomicBool::new(false),
        })))
    }

    /// From now on `/readyz` fails, so that load balancers use another backend. Requests are still answered. The audit log gets the sums of
    /// the refusals so far.
    pub fn drain(&self) {
        self.0.draining.store(true, Ordering::Relaxed);
        self.0.refusals.end_window();
    }

    /// Whether only collectors must show a certificate. If all clients must, connections without one never reach a handler.
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
