//! Collectors that enrol by the ServiceAccount they run as: the Kubernetes API says whose token it is, the backend's settings whose may.

use anyhow::{Context, Result, ensure};
use e2e::drive::backend::{Backend, Settings};
use e2e::drive::collector::Collector;
use e2e::servers::kubernetes::Kubernetes;
use e2e::wait::{PATIENCE, until};
use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::setting::NAMESPACE;

const AUDIENCE: &str = "pganalytics-backend";

/// A backend that takes collectors of `db/collector`, and asks this API as `db/backend`.
async fn backend(kubernetes: &Kubernetes) -> Result<Backend> {
    let token = kubernetes.account(NAMESPACE, "backend", &[]).await?;
    let flags =
        ["--kubernetes-collectors", "db/other-one,db/collector", "--kubernetes-api-url", &kubernetes.api.url, "--kubernetes-token-file"];
    let mut settings = Settings::flags(&flags);
    settings.arguments.push(token.display().to_string());
    settings.arguments.extend(["--kubernetes-ca-file".into(), kubernetes.certificate.authority.display().to_string()]);
    Backend::start_with(settings).await
}

async fn asks(backend: &Backend, token: &str) -> Result<(StatusCode, String)> {
    let mut api = e2e::drive::backend::Api::new(&backend.api.url)?;
    api.token = Some(token.into());
    let body = json!({
        "collector": uuid::Uuid::new_v4(), "name": "asked", "version": "0", "credential_sha256": format!("{:064x}", rand::random::<u128>()), "dry_run": true
    });
    api.ask(Method::POST, "/api/v1/collectors/enrol", Some(&body)).await
}

#[tokio::test]
async fn a_collector_enrols_by_its_projected_token_and_nobody_elses_does() -> Result<()> {
    let kubernetes = Kubernetes::start().await?;
    kubernetes.namespace(NAMESPACE).await?;
    for account in ["collector", "stranger"] {
        kubernetes.account(NAMESPACE, account, &[]).await?;
    }
    let backend = backend(&kubernetes).await?;
    let ours = kubernetes.token(NAMESPACE, "collector", Some(AUDIENCE)).await?;
    let (status, said) = asks(&backend, &ours).await?;
    ensure!(status == StatusCode::SERVICE_UNAVAILABLE, "{status}: {said}");
    ensure!(backend.log().contains("give the backend's ServiceAccount a ClusterRole that may create tokenreviews"), "{}", backend.log());
    kubernetes.grant_everywhere(NAMESPACE, "backend", "system:auth-delegator").await?;
    until("the right to be there", PATIENCE, async || Ok((asks(&backend, &ours).await?.0 == StatusCode::OK).then_some(()))).await?;

    let stranger = kubernetes.token(NAMESPACE, "stranger", Some(AUDIENCE)).await?;
    let (status, said) = asks(&backend, &stranger).await?;
    ensure!(
        status == StatusCode::FORBIDDEN && said.contains("db/stranger may not enrol") && said.contains("--kubernetes-collectors"),
        "{status}: {said}"
    );
    let (status, said) = asks(&backend, &kubernetes.token(NAMESPACE, "collector", None).await?).await?;
    ensure!(status == StatusCode::UNAUTHORIZED && said.contains("audience pganalytics-backend"), "{status}: {said}");
    ensure!(asks(&backend, "eyJhbGciOiJub25lIn0.e30.c2ln").await?.0 == StatusCode::UNAUTHORIZED);

    let folder = tempfile::tempdir().context("a folder")?;
    let file = folder.path().join("token");
    std::fs::write(&file, &ours)?;
    let nobody = format!("host=127.0.0.1 port={} user=u connect_timeout=2", e2e::machine::ports::free()?);
    let lines = format!("enrolment_token_file = {file:?}");
    let mut collector = Collector::prepare_with(&backend.api.url, &lines, &[("nobody", nobody)])?;
    collector.run()?;
    let name = collector.name();
    until("the collector's first batch", PATIENCE, async || {
        let known = backend.api.collector(&name).await?;
        Ok(known.filter(|known| known["sequence"].as_i64() > Some(0) && known["credential"]["kind"] == "own"))
    })
    .await
    .with_context(|| format!("the collector says:\n{}\nthe backend says:\n{}", collector.log(), backend.log()))?;
    ensure!(backend.log().contains("ServiceAccount db/collector"), "{}", backend.log());
    ensure!(!backend.log().contains(&ours) && !collector.log().contains(&ours));
    Ok(())
}
