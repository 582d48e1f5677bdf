//! Pods that cannot be read: each reason has a state in /metrics, a log line, and a line of `doctor` that names the values to change.

use anyhow::{Context, Result};
use e2e::machine::ports;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::setting::{FIRST, NAMESPACE, Setting, instance, pods, secrets, server};

/// Answers like a web server, at this port or a free one. Returns the port.
async fn web_server(port: u16) -> Result<(u16, JoinHandle<()>)> {
    let listener = TcpListener::bind((FIRST, port)).await?;
    let port = listener.local_addr()?.port();
    let answering = tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut asked = [0; 8];
            let _ = stream.read_exact(&mut asked).await;
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        }
    });
    Ok((port, answering))
}

#[tokio::test]
async fn a_missing_right_to_pods_is_reported_with_the_values_that_grant_it() -> Result<()> {
    let setting = Setting::start(Vec::new(), "").await?;
    let line = setting.logs("pods cannot be watched").await?;
    assert!(line.contains("no right to list pods in namespace db") && line.contains("collector.discovery.namespaces"), "{line}");
    setting.has_metric("pganalytics_collector_kubernetes_watch_up{watched=\"db\"} 0").await?;
    let doctor = String::from_utf8(setting.collector.doctor()?.stdout)?;
    assert!(doctor.contains("missing may not list pods in namespace db"), "{doctor}");
    assert!(doctor.contains("collector.discovery.namespaces"), "{doctor}");
    // The right is granted, and works without a restart.
    setting.kubernetes.grant(NAMESPACE, "collector", NAMESPACE, &pods()).await?;
    setting.has_metric("pganalytics_collector_kubernetes_watch_up{watched=\"db\"} 1").await
}

#[tokio::test]
async fn a_missing_right_to_a_secret_and_a_missing_secret_are_reported_with_a_remedy_that_works() -> Result<()> {
    let (setting, postgres) = tokio::try_join!(Setting::start(vec![pods()], "sslmode = \"disable\""), server())?;
    setting.kubernetes.pod(&instance("orders-1", "primary", postgres.port, FIRST)).await?;
    setting.count("no_right", 1).await?;
    let line = setting.logs("no right to get secrets 'orders-pganalytics' in namespace db").await?;
    assert!(line.contains("collector.discovery.secrets"), "{line}");
    let doctor = String::from_utf8(setting.collector.doctor()?.stdout)?;
    for part in [
        "ok      may list pods in namespace db",
        "1 pods in db on node node-1 are PostgreSQL servers",
        "missing may not get secrets 'orders-app' in namespace db",
        "add it to collector.discovery.secrets in the Helm values",
        "missing db/orders-1: no right to get secrets 'orders-pganalytics' in namespace db",
    ] {
        assert!(doctor.contains(part), "{part}\n{doctor}");
    }
    let names = ["orders-pganalytics", "orders-app"];
    setting.kubernetes.grant(NAMESPACE, "collector", NAMESPACE, &secrets(&names)).await?;
    setting.count("no_credentials", 1).await?;
    let line = setting.logs("Secret db/orders-app does not exist").await?;
    assert!(line.contains("the superuser's Secret orders-superuser is read only with [kubernetes] superuser_secrets = true"), "{line}");
    assert!(line.contains("create a Secret for a role with pg_monitor (orders-pganalytics, keys username and password)"), "{line}");
    setting.kubernetes.secret(NAMESPACE, "orders-pganalytics", &json!({"username": "app", "password": "first"})).await?;
    setting.is_up("db/orders-1", true).await?;
    let doctor = String::from_utf8(setting.collector.doctor()?.stdout)?;
    for part in ["ok      db/orders-1: cloudnative-pg, login from Secret db/orders-pganalytics", "db/orders-1 (postgresql://app@127.0.0.1"]
    {
        assert!(doctor.contains(part), "{part}\n{doctor}");
    }
    Ok(())
}

#[tokio::test]
async fn a_labelled_pod_that_is_no_postgresql_has_its_own_state() -> Result<()> {
    let setting = Setting::usual().await?;
    let (port, web) = web_server(0).await?;
    setting.kubernetes.pod(&instance("orders-1", "primary", port, FIRST)).await?;
    setting.count("not_postgresql", 1).await?;
    let line = setting.logs("is not PostgreSQL").await?;
    assert!(line.contains("correct the pod's labels, or the port in pganalytics.io/port"), "{line}");
    assert!(!setting.collector.metrics().await?.contains("target_up{server=\"db/orders-1\"}"));
    web.abort();
    Ok(())
}

#[tokio::test]
async fn a_pod_that_does_not_listen_yet_is_down_until_another_protocol_answers() -> Result<()> {
    let setting = Setting::usual().await?;
    let port = ports::free()?;
    setting.kubernetes.pod(&instance("orders-1", "primary", port, FIRST)).await?;
    setting.is_up("db/orders-1", false).await?;
    setting.count("watched", 1).await?;
    let (_, web) = web_server(port).await?;
    setting.count("not_postgresql", 1).await?;
    setting.logs("correct the pod's labels, or the port in pganalytics.io/port").await?;
    assert!(!setting.collector.metrics().await?.contains("target_up{server=\"db/orders-1\"}"));
    web.abort();
    Ok(())
}

#[tokio::test]
async fn a_password_in_an_annotation_and_a_misspelt_annotation_are_reported() -> Result<()> {
    let setting = Setting::usual().await?;
    let mut pod = instance("orders-1", "primary", 5432, FIRST);
    pod.annotations = json!({"coroot.com/postgres-scrape": "true", "coroot.com/postgres-scrape-credentials-password": "hunter2"});
    setting.kubernetes.pod(&pod).await?;
    pod.name = "orders-2";
    pod.annotations = json!({"pganalytics.io/scrape": "true", "pganalytics.io/prot": "5433"});
    setting.kubernetes.pod(&pod).await?;
    setting.count("wrong_annotation", 2).await?;
    setting.logs("did you mean pganalytics.io/port?").await?;
    let log = setting.collector.log();
    assert!(log.contains("put the login into a Secret") && !log.contains("hunter2"), "{log}");
    Ok(())
}

#[tokio::test]
async fn a_mounted_login_works_if_no_secret_may_be_read() -> Result<()> {
    let folder = tempfile::tempdir().context("a folder")?;
    let file = folder.path().join("password");
    std::fs::write(&file, "wrong\n")?;
    let lines = format!("secrets = false\nuser = \"app\"\npassword_file = {file:?}\nsslmode = \"disable\"");
    let (setting, postgres) = tokio::try_join!(Setting::start(vec![pods()], &lines), server())?;
    setting.kubernetes.pod(&instance("orders-1", "primary", postgres.port, FIRST)).await?;
    setting.is_up("db/orders-1", false).await?;
    std::fs::write(&file, "first\n")?;
    setting.is_up("db/orders-1", true).await
}
