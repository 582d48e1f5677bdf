//! `kubernetes`: one-time tasks of an installation in a cluster.
//!
//! # bootstrap
//! Each named Secret is created if it does not exist. An existing Secret is never changed, whatever it contains. Passwords are generated
//! here. For tokens the command waits for the backend, and logs in as the first admin. A token is revoked if its Secret could not be
//! written, now or in an earlier run, because nobody knows such a token.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use axum::http::Method;
use clap::Subcommand;
use pganalytics_kubernetes::api::{Bytes, ObjectMeta, Secret as ApiSecret};
use pganalytics_kubernetes::{Access, ApiError, Client as Api};
use pganalytics_server::accounts::FIRST_ADMIN;
use pganalytics_server::{ErrorCode, Secret, generate_password};
use reqwest::Url;
use serde_json::json;

use crate::client::{Client, ClientArgs, Refused};
use crate::output;
use crate::settings::Span;

/// The pause between two attempts to reach the backend.
const PAUSE: Duration = Duration::from_secs(2);
/// The most token names that are tried. Each run that fails half way uses up a name.
const NAMES: u32 = 100;

/// Tasks of an installation in Kubernetes
#[derive(Debug, clap::Args)]
#[command(after_help = "Example, as the Helm chart's Job runs it:\n  \
    pganalytics kubernetes bootstrap --admin-secret pganalytics-admin --collector-secret pganalytics-collector --url https://pganalytics-backend:8080")]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Create missing Secrets; an existing Secret is never changed
    Bootstrap(Box<Bootstrap>),
}

#[derive(Debug, clap::Args)]
struct Bootstrap {
    /// The Secret with the first admin's password
    #[arg(long, value_name = "NAME")]
    admin_secret: String,
    #[arg(long, value_name = "KEY", default_value = "password")]
    admin_key: String,
    /// A Secret with a password for the backend's database
    #[arg(long, value_name = "NAME")]
    database_secret: Option<String>,
    #[arg(long, value_name = "KEY", default_value = "password")]
    database_key: String,
    /// A Secret with a token for collectors
    #[arg(long, value_name = "NAME", requires = "url")]
    collector_secret: Option<String>,
    #[arg(long, value_name = "KEY", default_value = "token")]
    collector_key: String,
    /// A Secret with an API token of the role viewer, for reading /metrics
    #[arg(long, value_name = "NAME", requires = "url")]
    monitoring_secret: Option<String>,
    #[arg(long, value_name = "KEY", default_value = "token")]
    monitoring_key: String,
    /// A label for the created Secrets; may be repeated
    #[arg(long = "label", value_name = "KEY=VALUE", value_parser = pair)]
    labels: Vec<(String, String)>,
    /// An annotation for the created Secrets; may be repeated
    #[arg(long = "annotation", value_name = "KEY=VALUE", value_parser = pair)]
    annotations: Vec<(String, String)>,
    /// The namespace of the Secrets; by default the pod's own namespace
    #[arg(long)]
    namespace: Option<String>,
    /// How long to wait for the backend
    #[arg(long, value_name = "SPAN", default_value = "10m")]
    patience: Span,
    #[command(flatten)]
    client: ClientArgs,
    /// Outside a pod: the address of the Kubernetes API
    #[arg(long, env = "PGANALYTICS_KUBERNETES_API_URL", value_name = "URL", requires = "api_token_file", help_heading = "Kubernetes")]
    api_url: Option<Url>,
    /// Outside a pod: a file with a ServiceAccount's token
    #[arg(long, env = "PGANALYTICS_KUBERNETES_TOKEN_FILE", value_name = "FILE", requires = "api_url", help_heading = "Kubernetes")]
    api_token_file: Option<PathBuf>,
    /// Outside a pod: the authorities of the API's certificate
    #[arg(long, env = "PGANALYTICS_KUBERNETES_API_CA_FILE", value_name = "FILE", requires = "api_url", help_heading = "Kubernetes")]
    api_ca_file: Option<PathBuf>,
}

pub(crate) async fn run(args: Args) -> anyhow::Result<()> {
    let Action::Bootstrap(args) = args.action;
    let access = match (&args.api_url, &args.api_token_file) {
        (Some(url), Some(token_file)) => {
            Access { url: url.clone(), token_file: token_file.clone(), ca_file: args.api_ca_file.clone(), namespace: None }
        }
        _ => Access::of_pod().context("find the Kubernetes API (--api-url, --api-token-file and --api-ca-file outside a pod)")?,
    };
    let namespace = args.namespace.clone().or_else(|| access.namespace.clone()).context("--namespace is required outside a pod")?;
    let (labels, annotations) = (args.labels.iter().cloned().collect(), args.annotations.iter().cloned().collect());
    let secrets = Secrets { api: Api::new(access)?, namespace, labels, annotations };

    let admin = secrets.password(&args.admin_secret, &args.admin_key).await?;
    if let Some(name) = &args.database_secret {
        secrets.password(name, &args.database_key).await?;
    }
    let collector = args.collector_secret.as_ref().map(|name| (name, &args.collector_key, json!({"kind": "collector"})));
    let monitoring = args.monitoring_secret.as_ref().map(|name| (name, &args.monitoring_key, json!({"kind": "api", "role": "viewer"})));
    let mut backend = None;
    for (name, key, token) in [collector, monitoring].into_iter().flatten() {
        if secrets.has(name, key).await? {
            continue;
        }
        if backend.is_none() {
            backend = Some(log_in(&args, &admin).await?);
        }
        let Some(backend) = &backend else { continue };
        secrets.token(backend, name, key, &token).await?;
    }
    Ok(())
}

/// The Secrets of one namespace.
struct Secrets {
    api: Api,
    namespace: String,
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<String, String>,
}

impl Secrets {
    /// The password in a Secret. The Secret is created if it does not exist.
    async fn password(&self, name: &str, key: &str) -> anyhow::Result<Secret> {
        if let Some(found) = self.find(name, key).await? {
            self.report(name, "exists and is not changed")?;
            return Ok(found);
        }
        let made = generate_password();
        match self.create(name, key, &made).await {
            Ok(()) => {
                self.report(name, "was created with a new password")?;
                Ok(made)
            }
            // Another run created the Secret first.
            Err(error) if matches!(error.downcast_ref(), Some(ApiError::Exists(_))) => {
                self.find(name, key).await?.context("the Secret was just deleted: run this again")
            }
            Err(error) => Err(error),
        }
    }

    async fn has(&self, name: &str, key: &str) -> anyhow::Result<bool> {
        let found = self.find(name, key).await?.is_some();
        if found {
            self.report(name, "exists and is not changed")?;
        }
        Ok(found)
    }

    /// Creates a token in the backend, and stores it in a Secret.
    async fn token(&self, backend: &Client, name: &str, key: &str, kind: &serde_json::Value) -> anyhow::Result<()> {
        let known = backend.json(Method::GET, &["tokens"], None).await.context("list the backend's tokens")?;
        let known = known.as_array().context("read the list of tokens")?;
        let numbered = |number: u32| if number == 1 { name.to_owned() } else { format!("{name}-{number}") };
        let by_name = |name: &str| known.iter().find(|token| token["name"] == name);
        let mut free = None;
        for name in (1..=NAMES).map(numbered) {
            let Some(token) = by_name(&name) else {
                free = Some(name);
                break;
            };
            if token["revoked"].is_null() && token["last_used"].is_null() {
                backend
                    .json(Method::DELETE, &["tokens", &token["id"].to_string()], None)
                    .await
                    .context("revoke a token that nobody knows")?;
            }
        }
        let free = free.with_context(|| format!("tokens with all names from {name} to {name}-{NAMES} exist: revoke some"))?;
        let mut body = kind.clone();
        body["name"] = json!(free);
        let made = backend.json(Method::POST, &["tokens"], Some(&body)).await.with_context(|| format!("create the token {free}"))?;
        let text = Secret::new(made["token"].as_str().context("read the token")?);
        match self.create(name, key, &text).await {
            Ok(()) => self.report(name, &format!("was created with the token {free}")),
            Err(error) => {
                let _ = backend.json(Method::DELETE, &["tokens", &made["id"].to_string()], None).await;
                Err(error)
            }
        }
    }

    async fn find(&self, name: &str, key: &str) -> anyhow::Result<Option<Secret>> {
        let place = format!("Secret {}/{name}", self.namespace);
        let secret = match self.api.get::<ApiSecret>(Some(&self.namespace), name).await {
            Ok(secret) => secret,
            Err(ApiError::NotFound(_)) => return Ok(None),
            Err(error) => {
                let place = match error {
                    ApiError::Forbidden { .. } => {
                        format!("read {place}: the Role of this ServiceAccount needs the verb get on secrets, resourceNames [{name}]")
                    }
                    _ => format!("read {place}"),
                };
                return Err(error).context(place);
            }
        };
        let value = secret.data.as_ref().and_then(|data| data.get(key)).and_then(|value| String::from_utf8(value.0.clone()).ok());
        let value = value.filter(|value| !value.is_empty()).with_context(|| {
            format!("{place} exists but has no text under the key {key}: add the key, or delete the Secret so that it is created")
        })?;
        Ok(Some(Secret::new(value.trim_end_matches(['\r', '\n']))))
    }

    async fn create(&self, name: &str, key: &str, value: &Secret) -> anyhow::Result<()> {
        let secret = ApiSecret {
            metadata: ObjectMeta {
                name: Some(name.into()),
                labels: Some(self.labels.clone()).filter(|labels| !labels.is_empty()),
                annotations: Some(self.annotations.clone()).filter(|annotations| !annotations.is_empty()),
                ..ObjectMeta::default()
            },
            kind: Some("Opaque".into()),
            data: Some(BTreeMap::from([(key.to_owned(), Bytes(value.expose().as_bytes().to_vec()))])),
        };
        let created = self.api.create(Some(&self.namespace), &secret).await.map(drop);
        created.with_context(|| format!("create Secret {}/{name}", self.namespace))
    }

    fn report(&self, name: &str, what: &str) -> anyhow::Result<()> {
        output::line(format!("Secret {}/{name} {what}", self.namespace))
    }
}

/// Waits for the backend, and logs in as the first admin.
async fn log_in(args: &Bootstrap, password: &Secret) -> anyhow::Result<Client> {
    let (begun, mut reported) = (Instant::now(), String::new());
    loop {
        let error = match Client::log_in(&args.client, FIRST_ADMIN, password).await {
            Ok(client) => return Ok(client),
            Err(error) => error,
        };
        if error.downcast_ref().is_some_and(|Refused(refused)| matches!(refused.code, ErrorCode::BadCredentials)) {
            return Err(error).with_context(|| {
                format!(
                    "log in as {FIRST_ADMIN} with the password of Secret {}: the password has been changed, so create the missing Secrets manually \
                     (pganalytics token create … and kubectl create secret generic … --from-literal)",
                    args.admin_secret
                )
            });
        }
        if begun.elapsed() > args.patience.0 {
            return Err(error).with_context(|| format!("wait {} for the backend", args.patience));
        }
        let text = format!("{error:#}");
        if text != reported {
            output::remark(format!("waiting for the backend: {text}"));
            reported = text;
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// A key and a value. The value may contain `=`, as in `argocd.argoproj.io/sync-options=Prune=false`.
fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.into(), value.into())),
        _ => Err("give KEY=VALUE".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use axum::extract::{Path, State};
    use axum::http::StatusCode;
    use axum::{Json, Router, routing};
    use clap::Parser as _;
    use serde_json::Value;

    use super::*;

    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    async fn bootstrap(api: &str, flags: &[&str]) -> anyhow::Result<()> {
        let folder = tempfile::tempdir()?;
        let token = folder.path().join("token");
        std::fs::write(&token, "t")?;
        let token = token.to_str().context("a path in UTF-8")?;
        let line = ["x", "bootstrap", "--namespace", "stats", "--admin-secret", "admin", "--api-url", api, "--api-token-file", token];
        run(Line::try_parse_from(line.iter().chain(flags))?.args).await
    }

    /// An API without Secrets, and the created ones.
    async fn api() -> anyhow::Result<(String, Arc<Mutex<Vec<Value>>>)> {
        let created = Arc::new(Mutex::new(Vec::new()));
        let get = |Path(name): Path<String>| async move { (StatusCode::NOT_FOUND, format!("secrets {name} not found")) };
        let post = |State(created): State<Arc<Mutex<Vec<Value>>>>, Json(secret): Json<Value>| async move {
            created.lock().expect("not poisoned").push(secret.clone());
            (StatusCode::CREATED, Json(secret))
        };
        let router = Router::new()
            .route("/api/v1/namespaces/stats/secrets/{name}", routing::get(get))
            .route("/api/v1/namespaces/stats/secrets", routing::post(post))
            .with_state(created.clone());
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await?;
        let url = format!("http://{}", listener.local_addr()?);
        tokio::spawn(std::future::IntoFuture::into_future(axum::serve(listener, router)));
        Ok((url, created))
    }

    #[tokio::test]
    async fn created_secrets_have_the_labels_and_annotations() -> anyhow::Result<()> {
        let (api, created) = api().await?;
        let annotations = ["--annotation", "argocd.argoproj.io/sync-options=Prune=false", "--annotation", "helm.sh/resource-policy=keep"];
        bootstrap(&api, &[&["--label", "a/b=c"][..], &annotations].concat()).await?;
        bootstrap(&api, &["--database-secret", "database"]).await?;
        let created = created.lock().expect("not poisoned").clone();
        assert_eq!(created[0]["metadata"]["labels"], json!({"a/b": "c"}));
        assert_eq!(
            created[0]["metadata"]["annotations"],
            json!({"argocd.argoproj.io/sync-options": "Prune=false", "helm.sh/resource-policy": "keep"})
        );
        for secret in &created[1..] {
            assert_eq!(secret["metadata"]["annotations"], Value::Null, "{secret}");
        }
        assert!(bootstrap(&api, &["--annotation", "=x"]).await.is_err());
        Ok(())
    }

    #[tokio::test]
    async fn an_api_that_cannot_be_reached_is_named_with_the_values_that_open_the_way() -> anyhow::Result<()> {
        let port = std::net::TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
        let error = format!("{:#}", bootstrap(&format!("http://127.0.0.1:{port}"), &[]).await.expect_err("nothing listens"));
        for part in ["read Secret stats/admin", &format!("127.0.0.1:{port}"), "networkPolicy.apiServerPorts", "networkPolicy.apiServerTo"] {
            assert!(error.contains(part), "{part}: {error}");
        }
        assert!(!error.contains("Role"), "not a missing right: {error}");
        Ok(())
    }
}
