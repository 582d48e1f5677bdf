//! The backend as its users run it: the built `pganalytics serve` on a temporary data folder, asked over HTTP.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use pganalytics_views::wire;
use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};

use crate::harm::network::Host;
use crate::machine::ports;
use crate::machine::process::{Process, Signal, Spec};
use crate::servers::postgres::installation::binary;
use crate::wait::{PATIENCE, until};

/// The admin's name, which the first start creates.
pub const ADMIN: &str = "admin";
/// The admin's password in tests.
pub const PASSWORD: &str = "correct horse battery staple";
/// No request of a test takes so long on any machine that still works.
const REQUEST: Duration = Duration::from_secs(60);

/// How a backend differs from the usual one.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Flags after the usual ones.
    pub arguments: Vec<String>,
    /// Variables beside those of the test.
    pub environment: Vec<(String, String)>,
    /// Where its flags name a certificate: who signed it.
    pub authority: Option<PathBuf>,
    /// The host of a [`crate::harm::network`] it runs on; else loopback.
    pub host: Option<Host>,
    /// Its data folder, where it is not of its own: on a small disk, for instance.
    pub data: Option<PathBuf>,
    /// Another program than the one that was built: an older version's.
    pub program: Option<PathBuf>,
}

impl Settings {
    #[must_use]
    pub fn flags(flags: &[&str]) -> Self {
        Self { arguments: flags.iter().map(|flag| (*flag).to_owned()).collect(), ..Self::default() }
    }

    fn address(&self) -> Ipv4Addr {
        self.host.as_ref().map_or(Ipv4Addr::LOCALHOST, |host| host.address)
    }
}

/// A backend with a data folder of its own, logged in as admin.
#[derive(Debug)]
pub struct Backend {
    pub api: Api,
    pub port: u16,
    // Before the folder: the process must be gone when the folder goes.
    process: Option<Process>,
    folder: tempfile::TempDir,
    settings: Settings,
}

impl Backend {
    /// An empty one.
    ///
    /// # Errors
    /// When it does not become ready; with the end of its log.
    pub async fn start() -> Result<Self> {
        Self::start_with(Settings::default()).await
    }

    /// One with other flags.
    ///
    /// # Errors
    /// See [`Self::start`].
    pub async fn start_with(settings: Settings) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("pganalytics-backend-").tempdir().context("create a temporary folder")?;
        let port = ports::free()?;
        let address = settings.address();
        let api = match &settings.authority {
            Some(authority) => Api::trusting(&format!("https://{address}:{port}"), authority)?,
            None => Api::new(&format!("http://{address}:{port}"))?,
        };
        let mut backend = Self { api, port, process: None, folder, settings };
        backend.run().await?;
        backend.api.log_in(ADMIN, PASSWORD).await?;
        Ok(backend)
    }

    /// Starts it again after [`Self::kill`] or [`Self::stop`]. The login of before goes on.
    ///
    /// # Errors
    /// When it does not become ready.
    pub async fn run(&mut self) -> Result<()> {
        let program = self.settings.program.clone().map_or_else(|| binary("pganalytics"), Ok)?;
        let mut spec = Spec::new(&program, &self.folder.path().join("backend.log"))
            .arguments(["serve".to_owned(), "--listen".to_owned(), self.address().to_string()])
            .arguments(["--data".into(), self.data()])
            .arguments(&self.settings.arguments)
            .environment("PGANALYTICS_ADMIN_PASSWORD", PASSWORD);
        for (name, value) in &self.settings.environment {
            spec = spec.environment(name, value);
        }
        if let Some(host) = &self.settings.host {
            spec.namespace = Some(host.namespace.clone());
        }
        let mut process = spec.spawn()?;
        let url = ready_url(&mut process, "pganalytics ready ").await?;
        if url != self.api.url {
            bail!("the backend says it is at {url}, not at {}", self.api.url);
        }
        self.process = Some(process);
        Ok(())
    }

    /// kill -9.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill();
        }
    }

    /// SIGTERM, and does not wait: it drains. [`Self::stop`] waits for its end.
    ///
    /// # Errors
    /// When it does not run.
    pub fn terminate(&self) -> Result<()> {
        self.process.as_ref().context("the backend does not run")?.signal(TERMINATE)
    }

    /// SIGTERM, unless it has ended already, and waits for its end.
    ///
    /// # Errors
    /// When it does not end.
    pub fn stop(&mut self) -> Result<()> {
        match self.process.take() {
            Some(mut process) => process.stop().map(|_| ()),
            None => Ok(()),
        }
    }

    /// A new token for a collector.
    ///
    /// # Errors
    /// When the backend refuses.
    pub async fn collector_token(&self, name: &str) -> Result<String> {
        self.api.collector_token(name).await
    }

    /// The id of its process, while it runs.
    #[must_use]
    pub fn process(&self) -> Option<u32> {
        self.process.as_ref().map(Process::id)
    }

    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.settings.data.clone().unwrap_or_else(|| self.folder.path().join("data"))
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        (self.settings.address(), self.port).into()
    }

    /// The program of its next [`Self::run`]: the one that was built, where none is named.
    pub fn set_program(&mut self, program: Option<PathBuf>) {
        self.settings.program = program;
    }

    /// Stops it in the middle of whatever it does; [`Self::thaw`] lets it go on.
    ///
    /// # Errors
    /// When it does not run.
    pub fn freeze(&self) -> Result<()> {
        self.process.as_ref().context("the backend does not run")?.signal(Signal::STOP)
    }

    /// # Errors
    /// When it does not run.
    pub fn thaw(&self) -> Result<()> {
        self.process.as_ref().context("the backend does not run")?.signal(Signal::CONT)
    }

    /// What it wrote to its log since it was started last.
    #[must_use]
    pub fn log(&self) -> String {
        self.process.as_ref().map(Process::log).unwrap_or_default()
    }
}

/// Waits for the line that says where a process listens, `… url=http://… …`.
///
/// # Errors
/// When the process ends or the line does not come.
pub async fn ready_url(process: &mut Process, prefix: &str) -> Result<String> {
    until(&format!("the line '{prefix}'"), PATIENCE, async || {
        process.still_running()?;
        let output = process.output();
        let line = output.lines().find_map(|line| line.strip_prefix(prefix));
        let url = line.and_then(|line| line.split_whitespace().find_map(|word| word.strip_prefix("url=")));
        Ok(url.map(ToOwned::to_owned))
    })
    .await
}

/// The HTTP API, with a login.
#[derive(Debug, Clone)]
pub struct Api {
    pub url: String,
    pub token: Option<String>,
    client: Client,
}

impl Api {
    /// # Errors
    /// When no HTTP client can be made.
    pub fn new(url: &str) -> Result<Self> {
        // A second call would be the only error.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder().timeout(REQUEST).no_proxy().build().context("make an HTTP client")?;
        Ok(Self { url: url.trim_end_matches('/').to_owned(), token: None, client })
    }

    /// Over HTTPS; trusts the certificates that this authority signed and no others.
    ///
    /// # Errors
    /// When the file holds no certificate.
    pub fn trusting(url: &str, authority: &Path) -> Result<Self> {
        let plain = Self::new(url)?;
        let pem = std::fs::read(authority).with_context(|| format!("read {}", authority.display()))?;
        let certificates =
            reqwest::Certificate::from_pem_bundle(&pem).with_context(|| format!("read the certificates in {}", authority.display()))?;
        let client = Client::builder().timeout(REQUEST).no_proxy().tls_certs_only(certificates);
        Ok(Self { client: client.build().context("make an HTTPS client")?, ..plain })
    }

    /// The HTTP client, for what this type has no word for.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// # Errors
    /// When the backend refuses.
    pub async fn log_in(&mut self, user: &str, password: &str) -> Result<()> {
        let answer = self.request(Method::POST, "/api/v1/auth/login", Some(&json!({"username": user, "password": password}))).await?;
        self.token = Some(answer["token"].as_str().context("a token in the answer")?.to_owned());
        Ok(())
    }

    /// A new token for a collector.
    ///
    /// # Errors
    /// When the backend refuses.
    pub async fn collector_token(&self, name: &str) -> Result<String> {
        let answer = self.request(Method::POST, "/api/v1/tokens", Some(&json!({"name": name, "kind": "collector"}))).await?;
        Ok(answer["token"].as_str().context("a token in the answer")?.to_owned())
    }

    /// A new enrolment token, good for so many collectors.
    ///
    /// # Errors
    /// When the backend refuses.
    pub async fn enrolment_token(&self, name: &str, max_uses: u32) -> Result<String> {
        let body = json!({"name": name, "kind": "enrolment", "max_uses": max_uses});
        let answer = self.request(Method::POST, "/api/v1/tokens", Some(&body)).await?;
        Ok(answer["token"].as_str().context("a token in the answer")?.to_owned())
    }

    /// The one collector of this name.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn collector(&self, name: &str) -> Result<Option<Value>> {
        let all = self.request(Method::GET, "/api/v1/collectors", None).await?;
        let all = all.as_array().context("a list of collectors")?;
        Ok(all.iter().find(|collector| collector["name"] == name).cloned())
    }

    /// Status and body, whatever they are.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn ask(&self, method: Method, path: &str, body: Option<&Value>) -> Result<(StatusCode, String)> {
        let mut request = self.client.request(method.clone(), format!("{}{path}", self.url));
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request.send().await.with_context(|| format!("{method} {path}"))?;
        let status = answer.status();
        Ok((status, answer.text().await.with_context(|| format!("read the answer to {method} {path}"))?))
    }

    /// The JSON of a good answer.
    ///
    /// # Errors
    /// Any other answer, with its body.
    pub async fn request(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value> {
        let (status, text) = self.ask(method.clone(), path, body).await?;
        if !status.is_success() {
            bail!("{method} {path} answered {status}: {text}");
        }
        serde_json::from_str(&text).with_context(|| format!("read the JSON of {method} {path}"))
    }

    /// The rows of a statement.
    ///
    /// # Errors
    /// The backend's, and a cut answer.
    pub async fn sql(&self, query: &str) -> Result<Vec<Vec<Value>>> {
        let answer = self.request(Method::POST, "/api/v1/sql", Some(&json!({"query": query}))).await.with_context(|| query.to_owned())?;
        if answer["truncated"] != json!(false) {
            bail!("the answer was cut: {query}");
        }
        serde_json::from_value(answer["rows"].clone()).context("read the rows")
    }

    /// The one value of a statement's one row.
    ///
    /// # Errors
    /// When there is none, or more.
    pub async fn value(&self, query: &str) -> Result<Value> {
        let mut rows = self.sql(query).await?;
        match (rows.pop(), rows.is_empty()) {
            (Some(mut row), true) if row.len() == 1 => Ok(row.remove(0)),
            _ => bail!("not one value: {query}"),
        }
    }

    /// The one integer of a statement's one row; 0 for null, as `sum()` has it over no rows.
    ///
    /// # Errors
    /// When it is no integer.
    pub async fn integer(&self, query: &str) -> Result<i64> {
        match self.value(query).await? {
            Value::Null => Ok(0),
            // Beyond 2^53.
            Value::String(text) => text.parse().with_context(|| format!("an integer from {query}")),
            value => value.as_i64().with_context(|| format!("an integer from {query}, not {value}")),
        }
    }

    /// Waits until a statement has rows, and yields them. An unknown table is not an error yet.
    ///
    /// # Errors
    /// When the deadline has passed.
    pub async fn rows_of(&self, query: &str) -> Result<Vec<Vec<Value>>> {
        until(&format!("rows of {query}"), PATIENCE, async || {
            let rows = self.sql(query).await?;
            Ok((!rows.is_empty()).then_some(rows))
        })
        .await
    }

    /// Waits until a statement's integer is this one.
    ///
    /// # Errors
    /// When the deadline has passed; with the last value.
    pub async fn integer_is(&self, query: &str, expected: i64) -> Result<()> {
        until(&format!("{expected} from {query}"), PATIENCE, async || match self.integer(query).await? {
            value if value == expected => Ok(Some(())),
            value => bail!("it was {value}"),
        })
        .await
    }
}

/// A batch on its way to a backend, as a collector with this token sends it.
pub fn shipment(client: &Client, backend: &str, token: &str, batch: Bytes) -> RequestBuilder {
    let url = format!("{}/api/v1/ingest", backend.trim_end_matches('/'));
    client.post(url).bearer_auth(token).header(CONTENT_TYPE, wire::CONTENT_TYPE).body(batch)
}

/// A signal that lets a process end in order.
pub const TERMINATE: Signal = Signal::TERM;

/// Where cargo put the binaries, for scripts.
///
/// # Errors
/// When they were not built.
pub fn binaries() -> Result<PathBuf> {
    let binary = binary("pganalytics")?;
    Ok(binary.parent().map(Path::to_owned).unwrap_or_default())
}
