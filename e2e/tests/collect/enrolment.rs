//! Collectors that enrol for their own credential: through kills, lost answers, renewals and a revocation.

use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use e2e::api::Api;
use e2e::drive::replicas::{migrated, replica};
use e2e::drive::{Backend, Collector};
use e2e::harm::LossyFront;
use e2e::judge::Shipper;
use e2e::machine::programs::binary;
use e2e::servers::Postgres;
use e2e::wait::{PATIENCE, until};
use reqwest::Method;
use serde_json::{Value, json};

/// Shippers that ship and renew at the same time.
const SHIPPERS: usize = 4;
/// Batches of each shipper.
const BATCHES: usize = 60;

/// A target without a server. The collector ships that it is down, and the host's figures.
fn absent_server() -> Result<[(&'static str, String); 1]> {
    Ok([("absent", format!("host=127.0.0.1 port={} user=u connect_timeout=2", e2e::machine::ports::free()?))])
}

async fn collector(api: &Api, name: &str) -> Result<Value> {
    until(&format!("collector {name}"), PATIENCE, async || api.collector(name).await).await
}

/// Waits until a collector has committed more than `above` batches. Returns the number.
async fn shipped(api: &Api, name: &str, above: i64) -> Result<i64> {
    until(&format!("a batch of {name} above {above}"), PATIENCE, async || {
        let known = api.collector(name).await?;
        let sequence = known.and_then(|known| known["sequence"].as_i64()).unwrap_or_default();
        Ok((sequence > above).then_some(sequence))
    })
    .await
}

async fn logged(collector: &Collector, words: &str) -> Result<()> {
    until(&format!("'{words}' in the collector's log"), PATIENCE, async || Ok(collector.log().contains(words).then_some(()))).await
}

fn spooled(collector: &Collector) -> Result<usize> {
    let entries = std::fs::read_dir(collector.spool()).context("read the spool")?;
    Ok(entries.filter_map(Result::ok).filter(|entry| entry.path().extension().is_some_and(|end| end == "batch")).count())
}

#[tokio::test]
async fn a_collector_keeps_its_credential_through_kills_and_a_revoked_collector_keeps_its_batches_and_names_the_remedy() -> Result<()> {
    let backend = Backend::start().await?;
    let api = &backend.api;
    let token = api.enrolment_token("fleet", 2).await?;
    let mut one = Collector::prepare_with(&api.url, &format!("enrolment_token = {token:?}"), &absent_server()?)?;
    let doctor = String::from_utf8(one.doctor()?.stdout)?;
    ensure!(doctor.contains("accepts the enrolment token; the collector enrols when it runs"), "{doctor}");
    one.run()?;
    let name = one.name();
    let first = shipped(api, &name, 0).await?;
    let known = collector(api, &name).await?;
    let id = known["id"].as_str().context("an id")?.to_owned();
    ensure!(known["credential"]["kind"] == "own" && known["clock_wrong"] == false && known["status"]["targets"] == 1, "{known}");
    let mode = std::fs::metadata(one.spool().join("credential"))?.permissions().mode() & 0o777;
    ensure!(mode == 0o600, "{mode:o}");

    // The collector needs the token no more: its credential is on its disk.
    one.kill();
    let tokens = api.request(Method::GET, "/api/v1/tokens", None).await?;
    let entry = tokens.as_array().and_then(|all| all.iter().find(|entry| entry["name"] == "fleet")).context("the token")?.clone();
    ensure!(entry["uses"] == 1, "{entry}");
    one.run()?;
    shipped(api, &name, first).await?;
    let doctor = String::from_utf8(one.doctor()?.stdout)?;
    ensure!(doctor.contains("accepts the collector's own credential"), "{doctor}");

    let run = |action: &str, what: &str| -> Result<String> {
        let output = Command::new(binary("pganalytics")?).args(["collector", action, what, "--data"]).arg(backend.data()).output()?;
        let printed = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        ensure!(output.status.success(), "{printed}");
        Ok(printed)
    };
    ensure!(run("revoke", &name)?.contains("keeps its batches"));
    logged(&one, "the collector was revoked; pganalytics collector forget NAME allows the collector to enrol again").await?;
    let revoked = collector(api, &name).await?;
    ensure!(revoked["credential"]["kind"] == "revoked", "{revoked}");
    until("batches in the spool", PATIENCE, async || Ok((spooled(&one)? > 2).then_some(()))).await?;
    let doctor = one.doctor()?;
    let printed = String::from_utf8(doctor.stdout)?;
    ensure!(!doctor.status.success() && printed.contains("revoked") && printed.contains("collector forget"), "{printed}");

    // After `forget` the collector enrols again with the same identity, and ships every batch that it kept.
    run("forget", &id)?;
    one.kill();
    one.run()?;
    logged(&one, "enrolled: this collector has its own credential now").await?;
    let sequence = revoked["sequence"].as_i64().context("a sequence")?;
    shipped(api, &name, sequence).await?;
    until("an empty spool", PATIENCE, async || Ok((spooled(&one)? == 0).then_some(()))).await?;
    let back = collector(api, &name).await?;
    ensure!(back["id"] == json!(id) && back["dropped_rows"] == 0 && back["credential"]["kind"] == "own", "{back}");
    Ok(())
}

#[tokio::test]
async fn an_answer_lost_at_enrolment_locks_no_collector_out() -> Result<()> {
    let backend = Backend::start().await?;
    let api = &backend.api;
    let front = LossyFront::start(backend.port).await?;
    // For one collector: a second use would be refused.
    let token = api.enrolment_token("one", 1).await?;
    let mut one = Collector::prepare_with(&front.url, &format!("enrolment_token = {token:?}"), &absent_server()?)?;
    one.run()?;
    tokio::time::timeout(PATIENCE, front.lost()).await.context("an answer to lose")?;
    one.kill();
    let known = collector(api, &one.name()).await?;
    ensure!(known["credential"]["kind"] == "own" && known["sequence"] == 0, "the collector is not enrolled, or has shipped: {known}");
    one.run()?;
    shipped(api, &one.name(), 0).await?;
    let back = collector(api, &one.name()).await?;
    ensure!(back["id"] == known["id"], "{back}");
    let log = one.log();
    ensure!(!log.contains(&token) && !log.contains("pga_k_"), "a secret in the log: {log}");
    Ok(())
}

#[tokio::test]
async fn credentials_renewed_under_load_lose_no_batch_on_two_replicas() -> Result<()> {
    let postgres = Postgres::start(14).await?;
    let url = migrated(&postgres).await?;
    let replicas = futures::future::try_join_all((0..2).map(|_| replica(&url, "database"))).await?;
    let apis = [&replicas[0].api, &replicas[1].api];
    let token = apis[0].enrolment_token("fleet", SHIPPERS as u32 + 1).await?;
    // A real collector beside the shippers, which renews as often as possible.
    let mut real =
        Collector::prepare_with(&apis[1].url, &format!("enrolment_token = {token:?}\nrotate_every = \"1s\""), &absent_server()?)?;
    real.run()?;
    let work = (0..SHIPPERS).map(|at| {
        let token = &token;
        async move {
            let mut shipper = Shipper::enrolled(apis[at % 2], token).await?;
            for round in 0..BATCHES {
                // Sometimes an answer is lost, and the other replica is asked again.
                match round % 3 {
                    0 => shipper.rotate(&[apis[round % 2]]).await?,
                    1 => shipper.rotate(&[apis[round % 2], apis[(round + 1) % 2], apis[round % 2]]).await?,
                    _ => {}
                }
                let batch = shipper.next_batch()?;
                // A connection may break, but a replica may not refuse.
                let mut turn = round + at;
                let status = until("an answer", PATIENCE, async || {
                    turn += 1;
                    Ok(shipper.ship(apis[turn % 2], &batch).await)
                })
                .await?;
                ensure!(status.is_success(), "round {round}: {status}");
            }
            for api in apis {
                shipper.judge(api).await?;
            }
            Ok::<_, anyhow::Error>(())
        }
    });
    futures::future::try_join_all(work).await.with_context(|| format!("{}\n{}", replicas[0].log(), replicas[1].log()))?;
    until("three renewals", PATIENCE, async || Ok((real.log().matches("credential was renewed").count() >= 3).then_some(()))).await?;
    let log = real.log();
    ensure!(!log.contains("batches wait in the spool"), "{log}");
    let name = real.name();
    let so_far = shipped(apis[0], &name, 0).await?;
    shipped(apis[0], &name, so_far).await?;
    ensure!(collector(apis[0], &name).await?["dropped_rows"] == 0);
    let refused = apis[0].enrolment_token("fleet", 1).await.err().context("the name is taken")?.to_string();
    ensure!(refused.contains("already exists"), "{refused}");
    ensure!(Shipper::enrolled(apis[1], &token).await.err().context("used up")?.to_string().contains("enrolment_token_used_up"));
    Ok(())
}
