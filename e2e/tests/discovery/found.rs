//! Pods that are found, and the history's facts about them.

use anyhow::Result;
use e2e::machine::certificate::Certificate;
use e2e::servers::kubernetes::Pod;
use serde_json::json;

use crate::setting::{FIRST, NAMESPACE, SECOND, Setting, encrypted, instance, pods, secrets, server};

#[tokio::test]
async fn an_operators_pod_becomes_a_server_with_the_facts_of_its_pod() -> Result<()> {
    let (setting, postgres) = tokio::try_join!(Setting::usual(), server())?;
    setting.kubernetes.pod(&instance("orders-1", "primary", postgres.port, FIRST)).await?;
    setting.is_up("db/orders-1", true).await?;
    setting.count("watched", 1).await?;
    setting.rows("select distinct server from pg_stat_database", &json!([["db/orders-1"]])).await?;
    setting
        .rows(
            "select distinct server, namespace, pod, node, operator, cluster, container, role, role_label, phase, ready, cpu_request, memory_limit \
             from kubernetes_pod where role is not null",
            &json!([[
                "db/orders-1", "db", "orders-1", "node-1", "cloudnative-pg", "orders", "postgres", "primary", "primary", "Running", true, 0.25,
                1_073_741_824_i64
            ]]),
        )
        .await?;
    let log = setting.collector.log();
    assert!(!log.contains("first"), "a password is in the log: {log}");
    Ok(())
}

#[tokio::test]
async fn annotations_of_three_families_are_followed_and_poolers_are_skipped() -> Result<()> {
    let (setting, postgres) = tokio::try_join!(Setting::usual(), server())?;
    setting.kubernetes.secret(NAMESPACE, "mine", &json!({"username": "app", "password": "first"})).await?;
    let port = postgres.port.to_string();
    let checks = json!({"postgres": {"instances": [
        {"host": "%%host%%", "port": port, "username": "app", "password": "ENC[k8s_secret@db/mine/password]", "ssl": "disable"}
    ]}});
    for (name, annotations) in [
        ("ours", json!({"pganalytics.io/scrape": "true", "pganalytics.io/port": port, "pganalytics.io/secret-name": "mine"})),
        (
            "coroots",
            json!({
                "coroot.com/postgres-scrape": "true", "coroot.com/postgres-scrape-port": port,
                "coroot.com/postgres-scrape-credentials-secret-name": "mine"
            }),
        ),
        ("datadogs", json!({"ad.datadoghq.com/pg.checks": checks.to_string()})),
    ] {
        let pod = Pod { namespace: NAMESPACE, name, labels: json!({}), annotations, container: "pg", port: 1, address: SECOND };
        setting.kubernetes.pod(&pod).await?;
        setting.is_up(&format!("db/{name}"), true).await?;
    }
    let pooler = Pod { labels: json!({"cnpg.io/poolerName": "pooler", "cnpg.io/cluster": "orders"}), ..instance("pooler", "", 1, FIRST) };
    setting.kubernetes.pod(&pooler).await?;
    setting.count("left_out", 1).await?;
    setting.count("watched", 3).await
}

#[tokio::test]
async fn servers_are_verified_with_the_operators_own_authority() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (ours, theirs) = (folder.path().join("ours"), folder.path().join("theirs"));
    for folder in [&ours, &theirs] {
        std::fs::create_dir(folder)?;
    }
    let (ours, theirs) = (Certificate::make(&ours)?, Certificate::make(&theirs)?);
    // The server runs as another user, who must be able to read its key.
    let reach = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(folder.path(), reach)?;
    let names = ["orders-pganalytics", "orders-app", "orders-ca"];
    let (setting, postgres) = tokio::try_join!(Setting::start(vec![pods(), secrets(&names)], ""), encrypted(&ours))?;
    setting.kubernetes.secret(NAMESPACE, "orders-app", &json!({"username": "app", "password": "first"})).await?;
    let pem = |certificate: &Certificate| std::fs::read_to_string(&certificate.authority);
    setting.kubernetes.secret(NAMESPACE, "orders-ca", &json!({"ca.crt": pem(&theirs)?})).await?;
    setting.kubernetes.pod(&instance("orders-1", "primary", postgres.port, FIRST)).await?;
    setting.is_up("db/orders-1", false).await?;
    setting.logs("invalid peer certificate").await?;
    setting.kubernetes.secret(NAMESPACE, "orders-ca", &json!({"ca.crt": pem(&ours)?})).await?;
    setting.is_up("db/orders-1", true).await
}
