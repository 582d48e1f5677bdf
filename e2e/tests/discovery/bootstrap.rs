//! `pganalytics kubernetes bootstrap`: Secrets that are absent are made, and none is changed.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use e2e::backend::{ADMIN, Backend, PASSWORD};
use e2e::install::binary;
use e2e::kubernetes::Kubernetes;
use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::setting::NAMESPACE;

/// As the chart's Role has it: creating cannot be bound to names, looking can.
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

/// Whether it ended well, and what it said.
async fn bootstrap(kubernetes: &Kubernetes, token: &std::path::Path, arguments: &[&str]) -> Result<(bool, String)> {
    let output = tokio::process::Command::new(binary("pganalytics")?)
        .args(["kubernetes", "bootstrap", "--namespace", NAMESPACE, "--label", "app.kubernetes.io/name=pganalytics"])
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

/// A Secret's values, decoded, and its labels.
async fn secret(kubernetes: &Kubernetes, name: &str) -> Result<BTreeMap<String, String>> {
    let object = kubernetes.api.request(Method::GET, &format!("/api/v1/namespaces/{NAMESPACE}/secrets/{name}"), None).await?;
    assert_eq!(object["metadata"]["labels"]["app.kubernetes.io/name"], "pganalytics", "{name}");
    let data = object["data"].as_object().context("the Secret's values")?;
    data.iter().map(|(key, value)| Ok((key.clone(), decoded(value.as_str().context("a value")?)?))).collect()
}

/// base64, which the API speaks and nothing else here does.
fn decoded(text: &str) -> Result<String> {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let (mut bits, mut count, mut bytes) = (0_u32, 0, Vec::new());
    for letter in text.bytes().filter(|letter| *letter != b'=') {
        let value = LETTERS.iter().position(|is| *is == letter).context("a letter of base64")?;
        bits = (bits << 6 | u32::try_from(value)?) & 0xff_ffff;
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push(u8::try_from(bits >> count & 0xff)?);
        }
    }
    Ok(String::from_utf8(bytes)?)
}

#[tokio::test]
async fn passwords_that_are_absent_are_made_once() -> Result<()> {
    let (kubernetes, token) = installation(&["admin", "database"]).await?;
    let arguments = ["--admin-secret", "admin", "--database-secret", "database", "--database-key", "pw"];
    let (well, said) = bootstrap(&kubernetes, &token, &arguments).await?;
    ensure!(well, "{said}");
    assert!(said.contains("Secret db/admin was created with a new password"), "{said}");
    let before = (secret(&kubernetes, "admin").await?, secret(&kubernetes, "database").await?);
    assert!(before.0["password"].len() >= 20 && before.1["pw"].len() >= 20 && before.0["password"] != before.1["pw"]);
    assert!(!said.contains(&before.0["password"]) && !said.contains(&before.1["pw"]));
    let (well, said) = bootstrap(&kubernetes, &token, &arguments).await?;
    ensure!(well, "{said}");
    assert!(said.contains("Secret db/admin exists and is not changed"), "{said}");
    assert_eq!((secret(&kubernetes, "admin").await?, secret(&kubernetes, "database").await?), before);
    Ok(())
}

#[tokio::test]
async fn tokens_are_made_by_the_backend_and_one_that_nobody_has_is_revoked() -> Result<()> {
    let ((kubernetes, token), backend) = tokio::try_join!(installation(&["admin", "collector", "prometheus"]), Backend::start())?;
    kubernetes.secret(NAMESPACE, "admin", &json!({"password": PASSWORD})).await?;
    let arguments =
        ["--admin-secret", "admin", "--collector-secret", "collector", "--monitoring-secret", "prometheus", "--url", &backend.api.url];
    for _ in 0..2 {
        let (well, said) = bootstrap(&kubernetes, &token, &arguments).await?;
        ensure!(well, "{said}");
    }
    let collector = secret(&kubernetes, "collector").await?["token"].clone();
    assert!(collector.starts_with("pga_c_"));
    let mut prometheus = e2e::backend::Api::new(&backend.api.url)?;
    prometheus.token = Some(secret(&kubernetes, "prometheus").await?["token"].clone());
    assert_eq!(prometheus.ask(Method::GET, "/metrics", None).await?.0, StatusCode::OK);

    // Someone deletes the Secret: its token was never used, and nobody can know it.
    let path = format!("/api/v1/namespaces/{NAMESPACE}/secrets/collector");
    kubernetes.api.request(Method::DELETE, &path, None).await?;
    let (well, said) = bootstrap(&kubernetes, &token, &arguments).await?;
    ensure!(well && said.contains("Secret db/collector was created with the token collector-2"), "{said}");
    let tokens = backend.api.request(Method::GET, "/api/v1/tokens", None).await?;
    let alive: Vec<_> =
        tokens.as_array().context("tokens")?.iter().filter(|token| token["revoked"].is_null()).map(|t| t["name"].clone()).collect();
    assert!(alive.contains(&json!("collector-2")) && !alive.contains(&json!("collector")), "{alive:?}");
    Ok(())
}

#[tokio::test]
async fn what_stops_it_is_told_with_the_remedy() -> Result<()> {
    let ((kubernetes, token), backend) = tokio::try_join!(installation(&["admin", "keyless", "collector"]), Backend::start())?;
    kubernetes.secret(NAMESPACE, "admin", &json!({"password": format!("not the password of {ADMIN}")})).await?;
    kubernetes.secret(NAMESPACE, "keyless", &json!({"other": "x"})).await?;
    let url = backend.api.url.as_str();
    for (arguments, part) in [
        (
            vec!["--admin-secret", "admin", "--collector-secret", "collector", "--url", url],
            "the password has been changed, so create the missing Secrets manually",
        ),
        (vec!["--admin-secret", "keyless"], "has no text under the key password: it is never changed; add the key"),
        (vec!["--admin-secret", "foreign"], "needs verb get on secrets, resourceNames [foreign]"),
        (
            vec!["--admin-secret", "admin", "--collector-secret", "collector", "--url", "http://127.0.0.1:1", "--patience", "1s"],
            "wait 1s for the backend",
        ),
    ] {
        let (well, said) = bootstrap(&kubernetes, &token, &arguments).await?;
        assert!(!well && said.contains(part), "{said}");
        assert!(!said.contains("not the password"), "{said}");
    }
    Ok(())
}
