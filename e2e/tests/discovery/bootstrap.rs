//! `pganalytics kubernetes bootstrap` makes missing Secrets and changes none.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use e2e::api::Api;
use e2e::drive::{ADMIN, Backend, PASSWORD};
use e2e::machine::programs::binary;
use e2e::servers::Kubernetes;
use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::setting::NAMESPACE;

/// The rights of the chart's Role. Kubernetes cannot limit `create` to names, but it can limit `get`.
async fn installation(names: &[&str]) -> Result<(Kubernetes, std::path::PathBuf)> {
    let kubernetes = Kubernetes::start().await?;
    kubernetes.namespace(NAMESPACE).await?;
    let rules = json!([
        {"apiGroups": [""], "resources": ["secrets"], "verbs": ["create"]},
        {"apiGroups": [""], "resources": ["secrets"], "resourceNames": names, "verbs": ["get"]}
    ]);
    let token = kubernetes.account(NAMESPACE, "bootstrap", &[(NAMESPACE, rules)]).await?;
    Ok((kubernetes, token))
}

/// Runs the command. Returns whether it succeeded, and its output.
async fn bootstrap(kubernetes: &Kubernetes, token: &std::path::Path, arguments: &[&str]) -> Result<(bool, String)> {
    let output = tokio::process::Command::new(binary("pganalytics")?)
        .args(["kubernetes", "bootstrap", "--namespace", NAMESPACE, "--label", "app.kubernetes.io/name=pganalytics"])
        .args(["--annotation", "argocd.argoproj.io/sync-options=Prune=false"])
        .args(arguments)
        .args(["--api-url", &kubernetes.api.url, "--api-token-file"])
        .arg(token)
        .arg("--api-ca-file")
        .arg(&kubernetes.certificate.authority)
        .output()
        .await
        .context("run pganalytics kubernetes bootstrap")?;
    Ok((output.status.success(), String::from_utf8([output.stdout, output.stderr].concat())?))
}

/// A Secret's values, decoded. Checks its label and its annotation.
async fn secret(kubernetes: &Kubernetes, name: &str) -> Result<BTreeMap<String, String>> {
    let object = kubernetes.api.request(Method::GET, &format!("/api/v1/namespaces/{NAMESPACE}/secrets/{name}"), None).await?;
    assert_eq!(object["metadata"]["labels"]["app.kubernetes.io/name"], "pganalytics", "{name}");
    assert_eq!(object["metadata"]["annotations"]["argocd.argoproj.io/sync-options"], "Prune=false", "{name}");
    let data = object["data"].as_object().context("the Secret's values")?;
    data.iter()
        .map(|(key, value)| Ok((key.clone(), String::from_utf8(BASE64_STANDARD.decode(value.as_str().context("a value")?)?)?)))
        .collect()
}

#[tokio::test]
async fn missing_passwords_are_made_once() -> Result<()> {
    let (kubernetes, token) = installation(&["admin", "database"]).await?;
    let arguments = ["--admin-secret", "admin", "--database-secret", "database", "--database-key", "pw"];
    let (ok, output) = bootstrap(&kubernetes, &token, &arguments).await?;
    ensure!(ok, "{output}");
    assert!(output.contains("Secret db/admin was created with a new password"), "{output}");
    let before = (secret(&kubernetes, "admin").await?, secret(&kubernetes, "database").await?);
    assert!(before.0["password"].len() >= 20 && before.1["pw"].len() >= 20 && before.0["password"] != before.1["pw"]);
    assert!(!output.contains(&before.0["password"]) && !output.contains(&before.1["pw"]));
    let (ok, output) = bootstrap(&kubernetes, &token, &arguments).await?;
    ensure!(ok, "{output}");
    assert!(output.contains("Secret db/admin exists and is not changed"), "{output}");
    assert_eq!((secret(&kubernetes, "admin").await?, secret(&kubernetes, "database").await?), before);
    Ok(())
}

#[tokio::test]
async fn tokens_are_made_by_the_backend_and_a_lost_token_is_revoked() -> Result<()> {
    let ((kubernetes, token), backend) = tokio::try_join!(installation(&["admin", "collector", "prometheus"]), Backend::start())?;
    kubernetes.secret(NAMESPACE, "admin", &json!({"password": PASSWORD})).await?;
    let arguments =
        ["--admin-secret", "admin", "--collector-secret", "collector", "--monitoring-secret", "prometheus", "--url", &backend.api.url];
    for _ in 0..2 {
        let (ok, output) = bootstrap(&kubernetes, &token, &arguments).await?;
        ensure!(ok, "{output}");
    }
    let collector = secret(&kubernetes, "collector").await?["token"].clone();
    assert!(collector.starts_with("pga_c_"));
    let mut prometheus = Api::new(&backend.api.url)?;
    prometheus.token = Some(secret(&kubernetes, "prometheus").await?["token"].clone());
    assert_eq!(prometheus.ask(Method::GET, "/metrics", None).await?.0, StatusCode::OK);

    // The Secret is deleted: its token was never used and is lost.
    let path = format!("/api/v1/namespaces/{NAMESPACE}/secrets/collector");
    kubernetes.api.request(Method::DELETE, &path, None).await?;
    let (ok, output) = bootstrap(&kubernetes, &token, &arguments).await?;
    ensure!(ok && output.contains("Secret db/collector was created with the token collector-2"), "{output}");
    let tokens = backend.api.request(Method::GET, "/api/v1/tokens", None).await?;
    let alive: Vec<_> =
        tokens.as_array().context("tokens")?.iter().filter(|token| token["revoked"].is_null()).map(|t| t["name"].clone()).collect();
    assert!(alive.contains(&json!("collector-2")) && !alive.contains(&json!("collector")), "{alive:?}");
    Ok(())
}

#[tokio::test]
async fn each_failure_names_the_remedy() -> Result<()> {
    let ((kubernetes, token), backend) = tokio::try_join!(installation(&["admin", "keyless", "collector"]), Backend::start())?;
    kubernetes.secret(NAMESPACE, "admin", &json!({"password": format!("not the password of {ADMIN}")})).await?;
    kubernetes.secret(NAMESPACE, "keyless", &json!({"other": "x"})).await?;
    let url = backend.api.url.as_str();
    for (arguments, part) in [
        (
            vec!["--admin-secret", "admin", "--collector-secret", "collector", "--url", url],
            "the password has been changed, so create the missing Secrets manually",
        ),
        (vec!["--admin-secret", "keyless"], "has no text under the key password: add the key"),
        (vec!["--admin-secret", "foreign"], "needs the verb get on secrets, resourceNames [foreign]"),
        (
            vec!["--admin-secret", "admin", "--collector-secret", "collector", "--url", "http://127.0.0.1:1", "--patience", "1s"],
            "wait 1s for the backend",
        ),
    ] {
        let (ok, output) = bootstrap(&kubernetes, &token, &arguments).await?;
        assert!(!ok && output.contains(part), "{output}");
        assert!(!output.contains("not the password"), "{output}");
    }
    Ok(())
}
