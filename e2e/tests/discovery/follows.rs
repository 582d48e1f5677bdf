//! The collector follows changes: new addresses, deleted pods, new passwords, failovers, and an API that goes away.

use anyhow::Result;
use e2e::wait::{PATIENCE, until};
use serde_json::json;

use crate::setting::{FIRST, NAMESPACE, SECOND, Setting, instance, server};

#[tokio::test]
async fn a_server_keeps_its_name_at_a_new_address_and_is_forgotten_with_its_pod() -> Result<()> {
    let (setting, postgres) = tokio::try_join!(Setting::usual(), server())?;
    setting.kubernetes.pod(&instance("orders-1", "primary", postgres.port, FIRST)).await?;
    setting.rows("select distinct server, host from pganalytics_server where up", &json!([["db/orders-1", FIRST]])).await?;
    setting.kubernetes.runs_at(NAMESPACE, "orders-1", SECOND).await?;
    setting
        .rows(
            "select distinct server, host from pganalytics_server where up order by host",
            &json!([["db/orders-1", FIRST], ["db/orders-1", SECOND]]),
        )
        .await?;
    setting.kubernetes.delete_pod(NAMESPACE, "orders-1").await?;
    setting.count("watched", 0).await?;
    setting.logs("the server's pod is gone").await?;
    until("the server to leave the metrics", PATIENCE, async || {
        Ok((!setting.collector.metrics().await?.contains("server=\"db/orders-1\"")).then_some(()))
    })
    .await?;
    // A new pod of the same name is the same server.
    setting.kubernetes.pod(&instance("orders-1", "primary", postgres.port, FIRST)).await?;
    setting.is_up("db/orders-1", true).await
}

#[tokio::test]
async fn a_rotated_password_is_used_when_the_old_one_is_refused() -> Result<()> {
    let (setting, postgres) = tokio::try_join!(Setting::usual(), server())?;
    setting.kubernetes.pod(&instance("orders-1", "primary", postgres.port, FIRST)).await?;
    setting.is_up("db/orders-1", true).await?;
    let end = "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'app'";
    postgres.execute(&format!("alter role app password 'second'; {end}")).await?;
    setting.is_up("db/orders-1", false).await?;
    setting.kubernetes.secret(NAMESPACE, "orders-app", &json!({"username": "app", "password": "second"})).await?;
    setting.is_up("db/orders-1", true).await?;
    setting.logs("the server's login has changed; the new login is used").await?;
    let log = setting.collector.log();
    assert!(!log.contains("'second'") && !log.contains("=second"), "a password is in the log: {log}");
    Ok(())
}

#[tokio::test]
async fn a_failover_changes_the_role_and_a_label_that_disagrees_is_logged() -> Result<()> {
    let (setting, mut primary) = tokio::try_join!(Setting::usual(), server())?;
    let standby = primary.standby().await?;
    setting.kubernetes.pod(&instance("orders-1", "primary", primary.port, FIRST)).await?;
    setting.kubernetes.pod(&instance("orders-2", "replica", standby.port, SECOND)).await?;
    let roles = "select distinct on (server) server, role, role_label from kubernetes_pod where role is not null order by server, ts desc";
    setting.rows(roles, &json!([["db/orders-1", "primary", "primary"], ["db/orders-2", "standby", "standby"]])).await?;
    drop(primary);
    setting.is_up("db/orders-1", false).await?;
    standby.execute("select pg_promote()").await?;
    setting.logs("the pod's label says standby, but the server is a primary").await?;
    setting.kubernetes.label(NAMESPACE, "orders-2", "cnpg.io/instanceRole", "primary").await?;
    let promoted =
        "select distinct on (server) server, role, role_label from kubernetes_pod where server = 'db/orders-2' order by server, ts desc";
    setting.rows(promoted, &json!([["db/orders-2", "primary", "primary"]])).await?;
    // Neither server was found a second time.
    assert_eq!(setting.collector.log().matches("found a PostgreSQL server").count(), 2);
    Ok(())
}

#[tokio::test]
async fn servers_are_still_read_while_the_api_is_down_and_changes_are_seen_afterwards() -> Result<()> {
    let (mut setting, postgres) = tokio::try_join!(Setting::usual(), server())?;
    for (name, role) in [("orders-1", "primary"), ("orders-2", "primary")] {
        setting.kubernetes.pod(&instance(name, role, postgres.port, FIRST)).await?;
        setting.is_up(&format!("db/{name}"), true).await?;
    }
    setting.kubernetes.kill();
    setting.logs("pods cannot be watched; servers that were found before are still read").await?;
    let count = "select count(*) from pganalytics_server where server = 'db/orders-1' and up";
    let before = setting.backend.api.integer(count).await?;
    until("more rows of the server", PATIENCE, async || Ok((setting.backend.api.integer(count).await? > before).then_some(()))).await?;
    setting.kubernetes.run().await?;
    setting.kubernetes.delete_pod(NAMESPACE, "orders-2").await?;
    setting.kubernetes.pod(&instance("orders-3", "primary", postgres.port, SECOND)).await?;
    setting.is_up("db/orders-3", true).await?;
    setting.count("watched", 2).await?;
    setting.logs("pods are watched again").await.map(drop)
}
