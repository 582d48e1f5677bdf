//! Starting the backend: its settings, the lake, the server, the background work; and ending all of it in order.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use pganalytics_kubernetes::{Access, Client as Kubernetes};
use pganalytics_server::lake::{
    AnswerCache, DEFAULT_COMPACT_EVERY, DEFAULT_HOT_MEMORY, DEFAULT_MAX_ROWS, DEFAULT_QUERY_DEADLINE, DEFAULT_QUERY_MEMORY,
    DEFAULT_RETENTION, DEFAULT_SPILL_DISK, DatabaseUrl, Lake, LakeOptions, StoreUrl,
};
use pganalytics_server::tls::{ClientAuth, MinVersion, ServerFiles, Tls};
use pganalytics_server::{
    App, DEFAULT_REQUEST_TIMEOUT, DEFAULT_SESSION_LIFETIME, Redis, RedisOptions, RedisUrl, Secret, ServerOptions, ServiceAccount,
    ServiceAccounts, accounts, check_password, generate_operator_token,
};
use pganalytics_views::ViewSet;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::access::{Access as CommandLine, local_url};
use crate::output;
use crate::settings::{Size, Span};

/// The data folder where none is named, beside where one stands.
pub(crate) const DEFAULT_DATA: &str = "pganalytics-data";
/// Loopback: who wants to be reached from elsewhere says so.
const DEFAULT_LISTEN: &str = "127.0.0.1:8080";

/// The least memory that works: some batches of a collector whose statements have all moved.
const LEAST_HOT: usize = 16 << 20;
/// And for queries, a sort on each of many cores.
const LEAST_QUERY: usize = 16 << 20;

/// The backend's settings. A file's `[backend]` table has the same names, with `_` for `-`; a variable stands over the file and
/// a flag over both.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Backend")]
pub(crate) struct BackendArgs {
    /// The data folder; made if missing
    #[arg(long, env = "PGANALYTICS_DATA", value_name = "DIR", default_value = DEFAULT_DATA)]
    pub(crate) data: PathBuf,
    // A secret, and taken apart later: whoever mistypes a URL would else see its password in the error.
    /// A PostgreSQL that replicas share instead of the data folder, as in
    /// postgresql://user:password@host1,host2/db?sslmode=verify-full&target_session_attrs=read-write
    #[arg(long, env = "PGANALYTICS_DATABASE_URL", value_name = "URL", hide_env_values = true, conflicts_with = "database_url_file")]
    database_url: Option<Secret>,
    /// A file with that URL; read again when it changes
    #[arg(long, env = "PGANALYTICS_DATABASE_URL_FILE", value_name = "FILE")]
    database_url_file: Option<PathBuf>,
    /// A file with the password for that URL, where the URL has none; read again when it changes
    #[arg(long, env = "PGANALYTICS_DATABASE_PASSWORD_FILE", value_name = "FILE")]
    database_password_file: Option<PathBuf>,
    /// Where the history's files lie: s3://bucket/prefix, gs://bucket/prefix, az://container/prefix, file:///shared/folder, or database;
    /// the data folder where there is no shared database, else that database
    #[arg(long, env = "PGANALYTICS_STORE", value_name = "URL")]
    store: Option<StoreUrl>,
    /// A Redis (or Valkey) where replicas share answers to queries and attempts to log in, as in rediss://:password@redis.example.com:6379/0;
    /// it may be away at any time
    #[arg(long, env = "PGANALYTICS_REDIS_URL", value_name = "URL", hide_env_values = true, conflicts_with = "redis_url_file")]
    redis_url: Option<Secret>,
    /// A file with that URL
    #[arg(long, env = "PGANALYTICS_REDIS_URL_FILE", value_name = "FILE")]
    redis_url_file: Option<PathBuf>,
    /// A file with the password for that URL, where the URL has none
    #[arg(long, env = "PGANALYTICS_REDIS_PASSWORD_FILE", value_name = "FILE")]
    redis_password_file: Option<PathBuf>,
    /// Authorities that a rediss:// server's certificate is verified with (PEM), instead of the system's
    #[arg(long, env = "PGANALYTICS_REDIS_CA_FILE", value_name = "FILE")]
    redis_ca_file: Option<PathBuf>,
    /// Where the API and the web UI are served; port 0 takes a free one
    #[arg(long, env = "PGANALYTICS_LISTEN", value_name = "IP:PORT", default_value = DEFAULT_LISTEN)]
    pub(crate) listen: SocketAddr,
    /// The certificate chain to serve HTTPS with (PEM); read again when it changes
    #[arg(long, env = "PGANALYTICS_TLS_CERT", value_name = "FILE")]
    tls_cert: Option<PathBuf>,
    /// Its private key (PEM)
    #[arg(long, env = "PGANALYTICS_TLS_KEY", value_name = "FILE")]
    tls_key: Option<PathBuf>,
    /// The oldest TLS that is spoken: 1.2 or 1.3
    #[arg(long, env = "PGANALYTICS_TLS_MIN_VERSION", value_name = "VERSION", default_value_t = MinVersion::Tls13)]
    tls_min_version: MinVersion,
    /// Authorities whose clients are let in (PEM): clients show a certificate then
    #[arg(long, env = "PGANALYTICS_TLS_CLIENT_CA", value_name = "FILE")]
    tls_client_ca: Option<PathBuf>,
    /// Lists of the certificates that those authorities have revoked (PEM): such clients are not let in; read again when it changes
    #[arg(long, env = "PGANALYTICS_TLS_CLIENT_CRL", value_name = "FILE")]
    tls_client_crl: Option<PathBuf>,
    /// Who shows one: required (everybody, the default with --tls-client-ca), optional (collectors; browsers and health checks need none), or
    /// off
    #[arg(long, env = "PGANALYTICS_TLS_CLIENT_AUTH", value_name = "WHO")]
    tls_client_auth: Option<ClientAuth>,
    /// A collector's certificate must be for the collector's name (a DNS name in it): a stolen credential is of no use with another's
    #[arg(long, env = "PGANALYTICS_TLS_CLIENT_BIND", value_parser = clap::builder::BoolishValueParser::new())]
    tls_client_bind: bool,
    /// Serve plain HTTP to other machines: passwords and tokens travel unencrypted, unless a proxy with TLS is in front
    #[arg(long, env = "PGANALYTICS_PLAIN_HTTP", value_parser = clap::builder::BoolishValueParser::new())]
    plain_http: bool,
    /// Kubernetes ServiceAccounts whose collectors may enrol by the token they run with: namespace/name, several with commas
    #[arg(long, env = "PGANALYTICS_KUBERNETES_COLLECTORS", value_name = "ACCOUNTS", value_delimiter = ',')]
    kubernetes_collectors: Vec<ServiceAccount>,
    /// Where the Kubernetes API is, outside a pod; in one it is known
    #[arg(long, env = "PGANALYTICS_KUBERNETES_API_URL", value_name = "URL", requires = "kubernetes_token_file")]
    kubernetes_api_url: Option<reqwest::Url>,
    /// Outside a pod: a file with the token of a ServiceAccount that may create tokenreviews
    #[arg(long, env = "PGANALYTICS_KUBERNETES_TOKEN_FILE", value_name = "FILE", requires = "kubernetes_api_url")]
    kubernetes_token_file: Option<PathBuf>,
    /// Outside a pod: the authorities that sign for the API (PEM)
    #[arg(long, env = "PGANALYTICS_KUBERNETES_API_CA_FILE", value_name = "FILE", requires = "kubernetes_api_url")]
    kubernetes_ca_file: Option<PathBuf>,
    /// A folder with view definitions of your own, beside the built-in ones
    #[arg(long, env = "PGANALYTICS_VIEWS", value_name = "DIR")]
    views: Option<PathBuf>,
    /// How long rows are kept as collected, unless the retention is set (see `pganalytics retention`)
    #[arg(long, env = "PGANALYTICS_RETENTION", value_name = "SPAN", default_value_t = Span(DEFAULT_RETENTION))]
    retention: Span,
    /// How often new rows become Parquet files
    #[arg(long, env = "PGANALYTICS_COMPACT_EVERY", value_name = "SPAN", default_value_t = Span(DEFAULT_COMPACT_EVERY))]
    compact_every: Span,
    /// Memory for rows that are in no file yet; once they fill half of it they become files before their time, and beyond it collectors wait
    #[arg(long, env = "PGANALYTICS_HOT_MEMORY", value_name = "SIZE", default_value_t = Size(DEFAULT_HOT_MEMORY))]
    hot_memory: Size,
    /// Memory that all SQL queries share
    #[arg(long, env = "PGANALYTICS_QUERY_MEMORY", value_name = "SIZE", default_value_t = Size(DEFAULT_QUERY_MEMORY))]
    query_memory: Size,
    /// Disk for what SQL queries sort and group beyond their memory
    #[arg(long, env = "PGANALYTICS_SPILL_DISK", value_name = "SIZE", default_value_t = Size(DEFAULT_SPILL_DISK))]
    spill_disk: Size,
    /// Where that is; the folder 'spill' in the data folder where none is named
    #[arg(long, env = "PGANALYTICS_SPILL_DIR", value_name = "DIR")]
    spill_dir: Option<PathBuf>,
    /// How long one SQL query may run
    #[arg(long, env = "PGANALYTICS_QUERY_DEADLINE", value_name = "SPAN", default_value_t = Span(DEFAULT_QUERY_DEADLINE))]
    query_deadline: Span,
    /// Rows one answer may have
    #[arg(long, env = "PGANALYTICS_MAX_ROWS", value_name = "ROWS", default_value_t = DEFAULT_MAX_ROWS)]
    max_rows: usize,
    /// How long a login lasts; use does not extend it
    #[arg(long, env = "PGANALYTICS_SESSION_LIFETIME", value_name = "SPAN", default_value_t = Span(DEFAULT_SESSION_LIFETIME))]
    session_lifetime: Span,
    /// How long a request other than SQL may take
    #[arg(long, env = "PGANALYTICS_REQUEST_TIMEOUT", value_name = "SPAN", default_value_t = Span(DEFAULT_REQUEST_TIMEOUT))]
    request_timeout: Span,
    /// A proxy in front sets X-Forwarded-For, -Proto and -Host; without one anybody could set them
    #[arg(long, env = "PGANALYTICS_TRUSTED_PROXY", value_parser = clap::builder::BoolishValueParser::new())]
    trusted_proxy: bool,
    /// Tell each SQL statement in the log, with who asks it, beside logins and changes, which always are
    #[arg(long, env = "PGANALYTICS_AUDIT_STATEMENTS", value_parser = clap::builder::BoolishValueParser::new())]
    audit_statements: bool,
    /// After SIGTERM: how long requests are still taken while /readyz says no; longer than a load balancer's check interval
    #[arg(long, env = "PGANALYTICS_DRAIN_DELAY", value_name = "SPAN")]
    drain_delay: Option<Span>,
    /// Serve the web UI from this folder instead of the built-in one
    #[arg(long, env = "PGANALYTICS_UI", value_name = "DIR")]
    ui: Option<PathBuf>,
}

impl BackendArgs {
    /// The lake's options.
    pub(crate) fn lake(&self) -> anyhow::Result<LakeOptions> {
        let views = match &self.views {
            Some(folder) => ViewSet::with_folder(folder)?,
            None => ViewSet::builtin()?,
        };
        let mut options = LakeOptions::new(&self.data, views);
        options.database = self.database()?;
        options.store = match (&self.store, &options.database) {
            (Some(store), _) => store.clone(),
            (None, Some(_)) => StoreUrl::Database,
            (None, None) => StoreUrl::DataFolder,
        };
        anyhow::ensure!(
            options.store != StoreUrl::Database || options.database.is_some(),
            "--store database needs --database-url: the history then lies in that PostgreSQL"
        );
        for (flag, Size(bytes), least) in [("--hot-memory", self.hot_memory, LEAST_HOT), ("--query-memory", self.query_memory, LEAST_QUERY)]
        {
            anyhow::ensure!(bytes >= least, "{flag} {}: give it at least {}", Size(bytes), Size(least));
        }
        options.hot_memory = self.hot_memory.0;
        options.query_memory = self.query_memory.0;
        options.spill_folder.clone_from(&self.spill_dir);
        options.spill_disk = self.spill_disk.0;
        options.query_deadline = self.query_deadline.0;
        options.max_rows = self.max_rows;
        options.compact_every = self.compact_every.0;
        options.retention = self.retention.0;
        Ok(options)
    }

    /// The shared database, where one is named.
    fn database(&self) -> anyhow::Result<Option<DatabaseUrl>> {
        let url: DatabaseUrl = match (&self.database_url, &self.database_url_file) {
            (Some(url), _) => url.expose().parse().context("--database-url")?,
            (None, Some(file)) => DatabaseUrl::from_file(file).context("--database-url-file")?,
            (None, None) => {
                anyhow::ensure!(
                    self.database_password_file.is_none(),
                    "--database-password-file is for a --database-url, and there is none"
                );
                return Ok(None);
            }
        };
        Ok(Some(match &self.database_password_file {
            Some(file) => url.with_password_file(file).context("--database-password-file")?,
            None => url,
        }))
    }

    /// The Redis that replicas share, where one is named.
    async fn redis(&self) -> anyhow::Result<Option<Redis>> {
        let url: RedisUrl = match (&self.redis_url, &self.redis_url_file) {
            (Some(url), _) => url.expose().parse().context("--redis-url")?,
            (None, Some(file)) => read(file, "--redis-url-file")?.parse().with_context(|| format!("read {}", file.display()))?,
            (None, None) => {
                anyhow::ensure!(self.redis_password_file.is_none(), "--redis-password-file is for a --redis-url, and there is none");
                anyhow::ensure!(self.redis_ca_file.is_none(), "--redis-ca-file is for a --redis-url, and there is none");
                return Ok(None);
            }
        };
        let url = match &self.redis_password_file {
            Some(file) => url.with_password(&Secret::new(read(file, "--redis-password-file")?)),
            None => url,
        };
        Redis::open(RedisOptions { url, ca: self.redis_ca_file.clone() }).await.map(Some)
    }

    /// The certificate to serve with; none for plain HTTP, which other machines get only where that was asked for.
    pub(crate) fn tls(&self) -> anyhow::Result<Option<Tls>> {
        let client_auth = ClientAuth::resolve(self.tls_client_auth, self.tls_client_ca.is_some())
            .map_err(|problem| anyhow::anyhow!("--tls-client-auth {problem}: give --tls-client-ca too"))?;
        let (client_ca, client_crl) = (self.tls_client_ca.clone(), self.tls_client_crl.clone());
        anyhow::ensure!(
            client_crl.is_none() || client_ca.is_some(),
            "--tls-client-crl is about certificates of clients, which are not asked for: give --tls-client-ca too"
        );
        anyhow::ensure!(
            !self.tls_client_bind || client_auth != ClientAuth::Off,
            "--tls-client-bind is about certificates of clients, which are not asked for: give --tls-client-ca too"
        );
        let (certificate, key) = match (&self.tls_cert, &self.tls_key) {
            (Some(certificate), Some(key)) => (certificate.clone(), key.clone()),
            (Some(_), None) => anyhow::bail!("--tls-cert needs the certificate's key: give --tls-key too"),
            (None, Some(_)) => anyhow::bail!("--tls-key needs the key's certificate: give --tls-cert too"),
            (None, None) => {
                anyhow::ensure!(client_ca.is_none(), "--tls-client-ca needs TLS: give --tls-cert and --tls-key too");
                let address = self.listen;
                anyhow::ensure!(
                    self.plain_http || address.ip().to_canonical().is_loopback(),
                    "--listen {address} is reached by other machines, and passwords and tokens would travel unencrypted: give a certificate \
                     with --tls-cert and --tls-key, or say --plain-http where a proxy with TLS is in front (or listen on 127.0.0.1)"
                );
                return Ok(None);
            }
        };
        anyhow::ensure!(!self.plain_http, "--plain-http and --tls-cert are both given: leave one of them out");
        let min_version = self.tls_min_version;
        let files = ServerFiles { certificate, key, client_ca, client_crl, client_auth, min_version };
        Tls::load(files).context("take the certificate (--tls-cert, --tls-key, --tls-client-ca, --tls-client-crl)").map(Some)
    }

    /// Whose collectors may enrol by ServiceAccount, and whom to ask.
    fn service_accounts(&self) -> anyhow::Result<Option<ServiceAccounts>> {
        if self.kubernetes_collectors.is_empty() {
            return Ok(None);
        }
        let access = match (&self.kubernetes_api_url, &self.kubernetes_token_file) {
            (Some(url), Some(token_file)) => {
                Access { url: url.clone(), token_file: token_file.clone(), ca_file: self.kubernetes_ca_file.clone(), namespace: None }
            }
            _ => Access::of_pod().context("--kubernetes-collectors needs the Kubernetes API")?,
        };
        Ok(Some(ServiceAccounts::new(Kubernetes::new(access)?, self.kubernetes_collectors.iter().cloned())))
    }

    fn server(&self, tls: Option<Arc<Tls>>, redis: Option<Redis>) -> anyhow::Result<ServerOptions> {
        Ok(ServerOptions {
            service_accounts: self.service_accounts()?,
            tls,
            client_bind: self.tls_client_bind,
            redis,
            session_lifetime: self.session_lifetime.0,
            request_timeout: self.request_timeout.0,
            trusted_proxy: self.trusted_proxy,
            audit_statements: self.audit_statements,
            ui: self.ui.clone(),
        })
    }
}

/// A file that holds one value, without the end of its line.
fn read(file: &Path, what: &str) -> anyhow::Result<String> {
    let text = std::fs::read_to_string(file).with_context(|| format!("read {what} {}", file.display()))?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

/// A backend that listens and is about to serve.
pub(crate) struct Backend {
    listener: TcpListener,
    /// With TLS: for this machine's own programs.
    beside: Option<TcpListener>,
    app: App,
    pub(crate) lake: Lake,
    url: String,
    /// Where this machine's own programs reach it.
    pub(crate) local: String,
    drain_delay: Option<Span>,
}

impl Backend {
    /// Checks the settings, binds the port, opens the data folder, makes the first admin, and lets the command line in.
    pub(crate) async fn open(args: &BackendArgs) -> anyhow::Result<Self> {
        let mut options = args.lake()?;
        let password = admin_password()?;
        let tls = args.tls()?.map(Arc::new);
        let listener = pganalytics_server::bind(args.listen).await?;
        let address = listener.local_addr().context("ask for the address that was bound")?;
        let beside = match &tls {
            None => None,
            Some(_) => Some(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("listen on loopback for the command line")?),
        };
        if tls.is_none() && !address.ip().to_canonical().is_loopback() && !args.trusted_proxy {
            tracing::warn!(listen = %address, "passwords and tokens travel unencrypted: this is plain HTTP that other machines can reach");
        }
        let redis = args.redis().await?;
        options.answers = redis.clone().map(|redis| Arc::new(redis) as Arc<dyn AnswerCache>);
        let lake = Lake::open(options).await?;
        let generated = accounts::first_admin(lake.meta(), password).await?;
        let url = local_url(if tls.is_some() { "https" } else { "http" }, address);
        let local = match &beside {
            None => url.clone(),
            Some(listener) => local_url("http", listener.local_addr().context("ask for the address that was bound")?),
        };
        let operator = generate_operator_token();
        CommandLine::write(&args.data, &local, &operator)?;
        if let Some(password) = generated {
            // The one time that it is shown, and the one reason to reveal a secret here.
            output::line(format!("pganalytics admin user={} password={}", accounts::FIRST_ADMIN, password.expose()))?;
        }
        let app = App::with_operator(lake.clone(), args.server(tls, redis)?, Some(&operator))?;
        tracing::info!(listen = %address, data = %args.data.display(), views = lake.views().iter().len(), "the backend is open");
        Ok(Self { listener, beside, app, lake, url, local, drain_delay: args.drain_delay })
    }

    /// Serves until `stop`, together with `beside`, which ends first: what it ships last is still taken. Then finishes requests and background work and lets
    /// go of the folder. An end of any part that nobody asked for ends all.
    pub(crate) async fn run(
        self,
        stop: CancellationToken,
        beside: impl Future<Output = anyhow::Result<()>> + Send + 'static,
    ) -> anyhow::Result<()> {
        let Self { listener, beside: local, app, lake, url, drain_delay, .. } = self;
        let (end_server, end_lake) = (CancellationToken::new(), CancellationToken::new());
        let mut server = {
            let (app, end) = (app.clone(), end_server.clone());
            let beside = {
                let (app, end) = (app.clone(), end.clone());
                async move {
                    if let Some(listener) = local {
                        pganalytics_server::serve_local(listener, app, end).await;
                    }
                }
            };
            tokio::spawn(async move { tokio::join!(Box::pin(pganalytics_server::serve(listener, app, end)), Box::pin(beside)).0 })
        };
        let background = {
            let (lake, end) = (lake.clone(), end_lake.clone());
            tokio::spawn(async move { lake.run(end).await })
        };
        let mut beside = tokio::spawn(beside);
        output::line(format!("pganalytics ready url={url}"))?;

        let mut served = None;
        let besides = tokio::select! {
            result = &mut beside => Some(flat(result)),
            result = &mut server => { served = Some(flat(result)); None }
            () = stop.cancelled() => None,
        };
        // In this order: no new work from a load balancer, the collector ships its last, requests finish, files are written.
        app.drain();
        stop.cancel();
        let besides = match besides {
            Some(result) => result,
            None => flat(beside.await),
        };
        // A load balancer that has not asked /readyz since still sends requests here.
        if let (None, Some(Span(delay))) = (&served, drain_delay) {
            tracing::info!(drain.delay_ms = delay.as_millis() as u64, "not ready any more; still answering");
            if let Ok(result) = tokio::time::timeout(delay, &mut server).await {
                served = Some(flat(result));
            }
        }
        end_server.cancel();
        let served = match served {
            Some(result) => result,
            None => flat(server.await),
        };
        end_lake.cancel();
        let background = background.await.context("do the background work");
        lake.close().await;
        tracing::info!("stopped");
        served.and(besides).and(background)
    }
}

fn flat(result: Result<anyhow::Result<()>, tokio::task::JoinError>) -> anyhow::Result<()> {
    result.context("a part of the process panicked")?
}

/// The first admin's password, where it is given: `PGANALYTICS_ADMIN_PASSWORD`, or a file's content.
fn admin_password() -> anyhow::Result<Option<Secret>> {
    const NAME: &str = "PGANALYTICS_ADMIN_PASSWORD";
    const FILE: &str = "PGANALYTICS_ADMIN_PASSWORD_FILE";
    let given = std::env::var(NAME).ok().filter(|password| !password.is_empty());
    let file = std::env::var_os(FILE).filter(|file| !file.is_empty());
    let (name, password) = match (given, file) {
        (Some(_), Some(_)) => anyhow::bail!("{NAME} and {FILE} are both set: leave one of them out"),
        (Some(password), None) => (NAME, Secret::new(password)),
        (None, Some(file)) => {
            let text = std::fs::read_to_string(&file).with_context(|| format!("read {FILE} {}", Path::new(&file).display()))?;
            (FILE, Secret::new(text.trim_end_matches(['\r', '\n'])))
        }
        (None, None) => return Ok(None),
    };
    check_password(&password).with_context(|| format!("take the first admin's password from {name}"))?;
    Ok(Some(password))
}

/// A runtime with a thread for each core.
pub(crate) fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().context("start the runtime")
}

#[cfg(test)]
mod tests {
    use clap::{Args as _, FromArgMatches as _};

    use super::*;

    fn args(flags: &[&str]) -> anyhow::Result<BackendArgs> {
        let command = BackendArgs::augment_args(clap::Command::new("serve"));
        let matches = command.try_get_matches_from([&["serve"], flags].concat())?;
        Ok(BackendArgs::from_arg_matches(&matches)?)
    }

    fn problem(flags: &[&str]) -> String {
        args(flags).and_then(|args| args.tls()).map(|_| ()).map_err(|error| format!("{error:#}")).expect_err("refused")
    }

    #[test]
    fn other_machines_get_plain_http_only_where_it_is_asked_for() -> anyhow::Result<()> {
        for address in ["0.0.0.0:8080", "10.1.2.3:8080", "[::]:8080"] {
            let problem = problem(&["--listen", address]);
            assert!(
                problem.contains("--tls-cert and --tls-key") && problem.contains("--plain-http") && problem.contains(address),
                "{problem}"
            );
            assert!(args(&["--listen", address, "--plain-http"])?.tls()?.is_none());
        }
        for address in ["127.0.0.1:8080", "127.8.8.8:80", "[::1]:8080", "[::ffff:127.0.0.1]:8080"] {
            assert!(args(&["--listen", address])?.tls()?.is_none(), "{address}");
        }
        Ok(())
    }

    #[test]
    fn memory_too_small_to_work_with_says_how_much_is_needed() {
        for (flag, least) in [("--hot-memory", "16MiB"), ("--query-memory", "16MiB")] {
            let problem = args(&[flag, "15MiB"]).and_then(|args| args.lake()).expect_err("refused").to_string();
            assert_eq!(problem, format!("{flag} 15MiB: give it at least {least}"));
            assert!(args(&[flag, least]).and_then(|args| args.lake()).is_ok());
        }
    }

    #[test]
    fn half_of_what_tls_needs_says_which_half_is_missing() {
        for (flags, part) in [
            (&["--tls-cert", "c"][..], "give --tls-key too"),
            (&["--tls-key", "k"], "give --tls-cert too"),
            (&["--tls-client-ca", "c"], "--tls-client-ca needs TLS"),
            (&["--tls-cert", "c", "--tls-key", "k", "--tls-client-crl", "r"], "not asked for: give --tls-client-ca too"),
            (&["--tls-cert", "c", "--tls-key", "k", "--tls-client-bind"], "not asked for: give --tls-client-ca too"),
            (&["--tls-cert", "c", "--tls-key", "k", "--tls-client-auth", "optional"], "give --tls-client-ca too"),
            (&["--tls-cert", "c", "--tls-key", "k", "--plain-http"], "leave one of them out"),
            (&["--tls-cert", "/nowhere/c", "--tls-key", "k"], "read /nowhere/c"),
        ] {
            let problem = problem(flags);
            assert!(problem.contains(part), "{problem}");
        }
        assert!(args(&["--tls-min-version", "1.1"]).expect_err("no such version").to_string().contains("write 1.2 or 1.3"));
    }
}
