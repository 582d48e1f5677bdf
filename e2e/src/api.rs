//! The HTTP API of a backend: log in, ask SQL, wait for rows and metrics. The plain requests work with any JSON API that takes a bearer token.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use pganalytics_views::wire;
use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};

use crate::wait::{PATIENCE, until};

/// The longest time for one request: no machine that works needs it.
const REQUEST: Duration = Duration::from_secs(60);

/// An API at a URL, with the bearer token of a login.
#[derive(Debug, Clone)]
pub struct Api {
    pub url: String,
    pub token: Option<String>,
    client: Client,
}

impl Api {
    /// # Errors
    /// If no HTTP client can be made.
    pub fn new(url: &str) -> Result<Self> {
        use_ring();
        let client = Client::builder().timeout(REQUEST).no_proxy().build().context("make an HTTP client")?;
        Ok(Self { url: url.trim_end_matches('/').to_owned(), token: None, client })
    }

    /// Over HTTPS. Trusts only certificates that this authority signed.
    ///
    /// # Errors
    /// If the file holds no certificate.
    pub fn trusting(url: &str, authority: &Path) -> Result<Self> {
        let plain = Self::new(url)?;
        let pem = std::fs::read(authority).with_context(|| format!("read {}", authority.display()))?;
        let certificates =
            reqwest::Certificate::from_pem_bundle(&pem).with_context(|| format!("read the certificates in {}", authority.display()))?;
        let client = Client::builder().timeout(REQUEST).no_proxy().tls_certs_only(certificates);
        Ok(Self { client: client.build().context("make an HTTPS client")?, ..plain })
    }

    /// The HTTP client, for requests that have no method here.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Logs in; later requests show the session's token.
    ///
    /// # Errors
    /// If the backend refuses.
    pub async fn log_in(&mut self, user: &str, password: &str) -> Result<()> {
        let answer = self.request(Method::POST, "/api/v1/auth/login", Some(&json!({"username": user, "password": password}))).await?;
        self.token = Some(answer["token"].as_str().context("a token in the answer")?.to_owned());
        Ok(())
    }

    /// A new shared token for collectors.
    ///
    /// # Errors
    /// If the backend refuses.
    pub async fn collector_token(&self, name: &str) -> Result<String> {
        self.new_token(&json!({"name": name, "kind": "collector"})).await
    }

    /// A new enrolment token that this many collectors can use.
    ///
    /// # Errors
    /// If the backend refuses.
    pub async fn enrolment_token(&self, name: &str, max_uses: u32) -> Result<String> {
        self.new_token(&json!({"name": name, "kind": "enrolment", "max_uses": max_uses})).await
    }

    async fn new_token(&self, body: &Value) -> Result<String> {
        let answer = self.request(Method::POST, "/api/v1/tokens", Some(body)).await?;
        Ok(answer["token"].as_str().context("a token in the answer")?.to_owned())
    }

    /// The collector with this name, if there is one.
    ///
    /// # Errors
    /// If there is no answer.
    pub async fn collector(&self, name: &str) -> Result<Option<Value>> {
        let all = self.request(Method::GET, "/api/v1/collectors", None).await?;
        let all = all.as_array().context("a list of collectors")?;
        Ok(all.iter().find(|collector| collector["name"] == name).cloned())
    }

    /// Status and body of any answer.
    ///
    /// # Errors
    /// If there is no answer.
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

    /// The JSON of a successful answer.
    ///
    /// # Errors
    /// If the answer has another status; the error has the body.
    pub async fn request(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value> {
        let (status, text) = self.ask(method.clone(), path, body).await?;
        if !status.is_success() {
            bail!("{method} {path} answered {status}: {text}");
        }
        serde_json::from_str(&text).with_context(|| format!("read the JSON of {method} {path}"))
    }

    /// The rows of a SQL statement.
    ///
    /// # Errors
    /// If the backend refuses the statement, or cuts the answer.
    pub async fn sql(&self, query: &str) -> Result<Vec<Vec<Value>>> {
        let answer = self.request(Method::POST, "/api/v1/sql", Some(&json!({"query": query}))).await.with_context(|| query.to_owned())?;
        if answer["truncated"] != json!(false) {
            bail!("the answer was cut: {query}");
        }
        serde_json::from_value(answer["rows"].clone()).context("read the rows")
    }

    /// The single value of a statement's single row.
    ///
    /// # Errors
    /// If there is no value, or more than one.
    pub async fn value(&self, query: &str) -> Result<Value> {
        let mut rows = self.sql(query).await?;
        match (rows.pop(), rows.is_empty()) {
            (Some(mut row), true) if row.len() == 1 => Ok(row.remove(0)),
            _ => bail!("not exactly one value: {query}"),
        }
    }

    /// The single integer of a statement's single row; 0 for null, which `sum()` returns over no rows.
    ///
    /// # Errors
    /// If the value is no integer.
    pub async fn integer(&self, query: &str) -> Result<i64> {
        match self.value(query).await? {
            Value::Null => Ok(0),
            // Integers beyond 2^53 are strings in JSON.
            Value::String(text) => text.parse().with_context(|| format!("an integer from {query}")),
            value => value.as_i64().with_context(|| format!("an integer from {query}, not {value}")),
        }
    }

    /// Waits until a statement has rows, and returns the rows. An unknown table counts as "no rows yet".
    ///
    /// # Errors
    /// If the deadline passes.
    pub async fn rows_of(&self, query: &str) -> Result<Vec<Vec<Value>>> {
        until(&format!("rows of {query}"), PATIENCE, async || {
            let rows = self.sql(query).await?;
            Ok((!rows.is_empty()).then_some(rows))
        })
        .await
    }

    /// Waits until a statement's integer has this value.
    ///
    /// # Errors
    /// If the deadline passes; the error has the last value.
    pub async fn integer_is(&self, query: &str, expected: i64) -> Result<()> {
        until(&format!("{expected} from {query}"), PATIENCE, async || match self.integer(query).await? {
            value if value == expected => Ok(Some(())),
            value => bail!("the value was {value}"),
        })
        .await
    }

    /// The value of a metric without labels in `/metrics`.
    ///
    /// # Errors
    /// If there is no such metric, or its value is no whole number.
    pub async fn metric(&self, name: &str) -> Result<i64> {
        let (status, text) = self.ask(Method::GET, "/metrics", None).await?;
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        let value = value.with_context(|| format!("the metric {name} in the answer {status}: {text}"))?;
        value.parse().with_context(|| format!("a whole number for {name}, not {value}"))
    }

    /// Waits until compaction has written all rows into files.
    ///
    /// # Errors
    /// If the deadline passes.
    pub async fn all_rows_in_files(&self) -> Result<()> {
        until("all rows to be in files", PATIENCE, async || Ok((self.metric("pganalytics_lake_hot_rows").await? == 0).then_some(()))).await
    }
}

/// The request that ships a batch, as a collector with this token sends it.
pub fn shipment(client: &Client, backend: &str, token: &str, batch: Bytes) -> RequestBuilder {
    let url = format!("{}/api/v1/ingest", backend.trim_end_matches('/'));
    client.post(url).bearer_auth(token).header(CONTENT_TYPE, wire::CONTENT_TYPE).body(batch)
}

/// Makes ring the cryptography of this process, which every TLS client needs.
pub fn use_ring() {
    // An error means that the provider is set already.
    let _ = rustls::crypto::ring::default_provider().install_default();
}
