//! Collectors that enrol by their ServiceAccount: the Kubernetes API reviews the token, and the backend's settings list the accounts that may enrol.

use anyhow::{Context, Result, ensure};
use e2e::api::Api;
use e2e::drive::{Backend, Collector, Settings};
use e2e::machine::ports;
use e2e::servers::Kubernetes;
use e2e::wait::{PATIENCE, until};
use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::setting::NAMESPACE;

const AUDIENCE: &str = "pganalytics-backend";

/// A backend that lets `db/collector` enrol, and reviews tokens at this API as `db/backend`.
async fn backend(kubernetes: &Kubernetes) -> Result<Backend> {
    let token = kubernetes.account(NAMESPACE, "backend", &[]).await?;
    let flags =
        ["--kubernetes-collectors", "db/other-one,db/collector", "--kubernetes-api-url", &kubernetes.api.url, "--kubernetes-token-file"];
    let mut settings = Settings::flags(&flags);
    settings.arguments.push(token.display().to_string());
    settings.arguments.extend(["--kubernetes-ca-file".into(), kubernetes.certificate.authority.display().to_string()]);
    Backend::start_with(settings).await
}

/// Asks the backend whether this token may enrol a collector.
async fn dry_run(backend: &Backend, token: &str) -> Result<(StatusCode, String)> {
    let mut api = Api::new(&backend.api.url)?;
    api.token = Some(token.into());
    let body = json!({
        "collector": uuid::Uuid::new_v4(), "name": "dry run", "version": "0", "credential_sha256": format!("{:064x}", rand::random::<u128>()), "dry_run": true
    });
    api.ask(Method::POST, "/api/v1/collectors/enrol", Some(&body)).await
}

#[tokio::test]
async fn a_collector_enrols_by_its_projected_token_and_no_other_token_enrols() -> Result<()> {
    let kubernetes = Kubernetes::start().await?;
    kubernetes.namespace(NAMESPACE).await?;
    for account in ["collector", "stranger"] {
        kubernetes.account(NAMESPACE, account, &[]).await?;
    }
    let backend = backend(&kubernetes).await?;
    let ours = kubernetes.token(NAMESPACE, "collector", Some(AUDIENCE)).await?;
    let (status, answer) = dry_run(&backend, &ours).await?;
    ensure!(status == StatusCode::SERVICE_UNAVAILABLE, "{status}: {answer}");
    ensure!(backend.log().contains("give the backend's ServiceAccount a ClusterRole that may create tokenreviews"), "{}", backend.log());
    kubernetes.grant_everywhere(NAMESPACE, "backend", "system:auth-delegator").await?;
    until("the right to review tokens", PATIENCE, async || Ok((dry_run(&backend, &ours).await?.0 == StatusCode::OK).then_some(()))).await?;

    let stranger = kubernetes.token(NAMESPACE, "stranger", Some(AUDIENCE)).await?;
    let (status, answer) = dry_run(&backend, &stranger).await?;
    ensure!(
        status == StatusCode::FORBIDDEN && answer.contains("db/stranger may not enrol") && answer.contains("--kubernetes-collectors"),
        "{status}: {answer}"
    );
    let (status, answer) = dry_run(&backend, &kubernetes.token(NAMESPACE, "collector", None).await?).await?;
    ensure!(status == StatusCode::UNAUTHORIZED && answer.contains("audience pganalytics-backend"), "{status}: {answer}");
    ensure!(dry_run(&backend, "eyJhbGciOiJub25lIn0.e30.c2ln").await?.0 == StatusCode::UNAUTHORIZED);

    let folder = tempfile::tempdir().context("a folder")?;
    let file = folder.path().join("token");
    std::fs::write(&file, &ours)?;
    let absent = format!("host=127.0.0.1 port={} user=u connect_timeout=2", ports::free()?);
    let lines = format!("enrolment_token_file = {file:?}");
    let mut collector = Collector::prepare_with(&backend.api.url, &lines, &[("absent", absent)])?;
    collector.run()?;
    let name = collector.name();
    until("the collector's first batch", PATIENCE, async || {
        let known = backend.api.collector(&name).await?;
        Ok(known.filter(|known| known["sequence"].as_i64() > Some(0) && known["credential"]["kind"] == "own"))
    })
    .await
    .with_context(|| format!("the collector's log:\n{}\nthe backend's log:\n{}", collector.log(), backend.log()))?;
    ensure!(backend.log().contains("ServiceAccount db/collector"), "{}", backend.log());
    ensure!(!backend.log().contains(&ours) && !collector.log().contains(&ours));
    Ok(())
}
