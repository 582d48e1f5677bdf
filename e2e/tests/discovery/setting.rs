//! The setting of every discovery test: a Kubernetes API, a backend, a collector that may read pods of the namespace `db`, and servers for the pods.

use std::fmt::Write as _;

use anyhow::{Context, Result, ensure};
use e2e::drive::{Backend, Collector};
use e2e::machine::certificate::Certificate;
use e2e::servers::kubernetes::Pod;
use e2e::servers::postgres::Options;
use e2e::servers::{Kubernetes, Postgres};
use e2e::wait::{PATIENCE, until};
use serde_json::{Value, json};

pub(crate) const NAMESPACE: &str = "db";
pub(crate) const FIRST: &str = "127.0.0.1";
pub(crate) const SECOND: &str = "127.0.0.2";

/// The setting. Fields are dropped in order.
pub(crate) struct Setting {
    pub collector: Collector,
    pub backend: Backend,
    pub kubernetes: Kubernetes,
}

/// The right to find pods.
pub(crate) fn pods() -> Value {
    json!([{"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list", "watch"]}])
}

/// The right to read these Secrets.
pub(crate) fn secrets(names: &[&str]) -> Value {
    json!([{"apiGroups": [""], "resources": ["secrets"], "resourceNames": names, "verbs": ["get"]}])
}

/// A pod with CloudNativePG's labels of an instance of the cluster `orders`.
pub(crate) fn instance<'a>(name: &'a str, role: &str, port: u16, address: &'a str) -> Pod<'a> {
    let labels = json!({"cnpg.io/cluster": "orders", "cnpg.io/podRole": "instance", "cnpg.io/instanceRole": role});
    Pod { namespace: NAMESPACE, name, labels, annotations: json!({}), container: "postgres", port, address }
}

/// A server that listens at every loopback address and needs a password from `app`.
pub(crate) async fn server() -> Result<Postgres> {
    serves(Options::default()).await
}

/// The same with TLS.
pub(crate) async fn encrypted(certificate: &Certificate) -> Result<Postgres> {
    let file = |path: &std::path::Path| path.display().to_string();
    let options = Options::default().set("ssl", "on").set("ssl_cert_file", &file(&certificate.certificate));
    serves(options.set("ssl_key_file", &file(&certificate.key))).await
}

async fn serves(options: Options) -> Result<Postgres> {
    let options = options.scram().set("listen_addresses", "*");
    let server = Postgres::start_with(17, options).await?;
    server.execute("create role app login password 'first'; grant pg_monitor to app").await?;
    Ok(server)
}

impl Setting {
    /// Starts with these rights in the namespace, and these lines in `[kubernetes]`.
    pub(crate) async fn start(rights: Vec<Value>, lines: &str) -> Result<Self> {
        let (kubernetes, backend) = tokio::try_join!(Kubernetes::start(), Backend::start())?;
        kubernetes.namespace(NAMESPACE).await?;
        let rights: Vec<(&str, Value)> = rights.into_iter().map(|rules| (NAMESPACE, rules)).collect();
        let token = kubernetes.account(NAMESPACE, "collector", &rights).await?;
        let mut collector = Collector::prepare(&backend, &[]).await?;
        let mut text = format!(
            "[kubernetes]\nenabled = true\nnamespaces = [{NAMESPACE:?}]\nnode = \"node-1\"\napi_url = \"https://127.0.0.1:{}\"\ntoken_file = {token:?}\n",
            kubernetes.port
        );
        let _ = writeln!(text, "api_ca_file = {:?}\n{lines}", kubernetes.certificate.authority);
        collector.configure(&text)?;
        collector.run()?;
        Ok(Self { collector, backend, kubernetes })
    }

    /// Starts with the usual Secret of a CloudNativePG cluster, and without TLS to the servers.
    pub(crate) async fn usual() -> Result<Self> {
        let names = ["orders-pganalytics", "orders-app", "orders-ca", "mine"];
        let setting = Self::start(vec![pods(), secrets(&names)], "sslmode = \"disable\"").await?;
        setting.kubernetes.secret(NAMESPACE, "orders-app", &json!({"username": "app", "password": "first"})).await?;
        Ok(setting)
    }

    /// Waits until this many pods are in this state.
    pub(crate) async fn count(&self, state: &str, count: usize) -> Result<()> {
        let line = format!("pganalytics_collector_kubernetes_pods{{state=\"{state}\"}} {count}");
        self.has_metric(&line).await
    }

    /// Waits until /metrics has this line.
    pub(crate) async fn has_metric(&self, line: &str) -> Result<()> {
        let what = format!("the metric {line}");
        let asked = until(&what, PATIENCE, async || {
            let text = self.collector.metrics().await?;
            if text.lines().any(|is| is == line) {
                return Ok(Some(()));
            }
            let near: Vec<_> = text.lines().filter(|is| is.contains("kubernetes") || is.contains("target_up")).collect();
            anyhow::bail!("{}", near.join("\n"))
        });
        asked.await.with_context(|| format!("the collector's log:\n{}", self.collector.log()))
    }

    /// Waits until the log has this text. Returns the line with the text.
    pub(crate) async fn logs(&self, text: &str) -> Result<String> {
        until(&format!("'{text}' in the collector's log"), PATIENCE, async || {
            Ok(self.collector.log().lines().find(|line| line.contains(text)).map(Into::into))
        })
        .await
        .with_context(|| format!("the collector's log:\n{}", self.collector.log()))
    }

    /// Waits until a statement has these rows.
    pub(crate) async fn rows(&self, query: &str, expected: &Value) -> Result<()> {
        let what = format!("the rows of {query}");
        let asked = until(&what, PATIENCE, async || {
            let rows = json!(self.backend.api.sql(query).await?);
            ensure!(rows == *expected, "the rows are {rows}");
            Ok(Some(()))
        });
        asked.await.with_context(|| format!("the collector's log:\n{}", self.collector.log()))
    }

    /// Waits until the metrics show a server as up, or as down.
    pub(crate) async fn is_up(&self, server: &str, up: bool) -> Result<()> {
        self.has_metric(&format!("pganalytics_collector_target_up{{server=\"{server}\"}} {}", u8::from(up))).await
    }
}
