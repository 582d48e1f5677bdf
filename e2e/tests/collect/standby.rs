//! A primary and its standby, both watched.

use anyhow::Result;
use e2e::drive::watched::{judge, nothing_failed, rounds, up};
use e2e::drive::{Backend, Collector};
use e2e::servers::Postgres;
use serde_json::json;

#[tokio::test]
async fn a_standby_is_read_as_a_standby_and_no_view_fails_there() -> Result<()> {
    for major in [14, 18] {
        let backend = Backend::start().await?;
        let mut primary = Postgres::start(major).await?;
        primary.execute("create extension pg_stat_statements").await?;
        let standby = primary.standby().await?;
        let targets = [("primary", primary.conninfo("postgres", None)), ("standby", standby.conninfo("postgres", None))];
        let _collector = Collector::start(&backend, &targets).await?;
        let api = &backend.api;
        for server in ["primary", "standby"] {
            up(api, server).await?;
            rounds(api, server, 2).await?;
        }
        let roles = api.sql("select distinct server, in_recovery from pganalytics_server where up order by server").await?;
        assert_eq!(json!(roles), json!([["primary", false], ["standby", true]]));
        let cluster = api.sql("select count(distinct system_identifier) from pganalytics_server where up").await?;
        assert_eq!(cluster[0][0], 1, "both have the same system identifier");
        api.rows_of("select 1 from pg_stat_replication where server = 'primary' limit 1").await?;
        judge(api).await?;
        nothing_failed(api).await?;
    }
    Ok(())
}
