//! Silent network cuts: packets are lost, no connection is refused, connections stay half open.

use anyhow::{Context, Result, ensure};
use e2e::drive::cluster::durable;
use e2e::drive::replicas::{holder, holds_the_lease, next_term, term};
use e2e::drive::{Cluster, Settings};
use e2e::harm::{Network, network};
use e2e::judge::Shipper;
use e2e::servers::S3;
use e2e::wait::{PATIENCE, until};
use reqwest::Method;

/// Three backends that compact each second and give up on a silent object store within seconds.
async fn cluster(network: &Network) -> Result<Cluster> {
    let mut settings = Settings::flags(&["--compact-every", "1s"]);
    settings.environment.extend(S3::short_timeouts());
    Cluster::start_in(network, durable(), &[settings.clone(), settings.clone(), settings]).await
}

#[tokio::test]
async fn a_holder_cut_from_the_database_loses_the_lease_and_writes_nothing_under_its_old_fence() -> Result<()> {
    let network = Network::enter(3)?;
    let cluster = cluster(&network).await?;
    let mut shipper = Shipper::new(&cluster.backends[0].api, "shipper").await?;
    shipper.ship_batches(&cluster.balancer.api, 5).await?;
    let mut session = cluster.meta.connect_to("pganalytics", "postgres", None).await?;
    for round in 0..2 {
        let (cut, before) = holder(&mut session, &cluster.backends).await?;
        let host = &network.hosts[cut];
        // First all packets are lost. Then only the answers: the holder's commits arrive, and the holder does not know it.
        if round == 0 {
            network.cut(host.address, network::DATABASE)?;
        } else {
            network.cut_one_way(network::DATABASE, host.address)?;
        }
        let (after, _) = next_term(&mut session, before).await?;
        shipper.ship_batches(&cluster.balancer.api, 5).await?;
        until("the cut replica to know that it has lost the lease", PATIENCE, async || {
            Ok((!holds_the_lease(&cluster.backends[cut])).then_some(()))
        })
        .await?;
        let (ready, words) = cluster.backends[cut].api.ask(Method::GET, "/readyz", None).await?;
        ensure!(ready == 503, "the cut replica is ready: {words}");
        if round == 0 {
            network.heal(host.address, network::DATABASE)?;
        } else {
            network.heal_one_way(network::DATABASE, host.address)?;
        }
        for backend in &cluster.backends {
            shipper.judge_first_answer(&backend.api).await?;
        }
        let now = term(&mut session).await?;
        ensure!(now.fence >= after.fence, "the fence decreased");
    }
    cluster.backends[0].api.all_rows_in_files().await?;
    for backend in &cluster.backends {
        shipper.judge(&backend.api).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_holder_cut_from_the_store_hands_the_lease_to_a_replica_that_is_not() -> Result<()> {
    let network = Network::enter(3)?;
    let cluster = cluster(&network).await?;
    let mut shipper = Shipper::new(&cluster.backends[0].api, "shipper").await?;
    shipper.ship_batches(&cluster.balancer.api, 3).await?;
    cluster.backends[0].api.all_rows_in_files().await?;
    let mut session = cluster.meta.connect_to("pganalytics", "postgres", None).await?;
    let (cut, _) = holder(&mut session, &cluster.backends).await?;
    network.cut(network.hosts[cut].address, network::STORE)?;
    shipper.ship_batches(&cluster.balancer.api, 3).await?;
    // The cut is not healed, and the rows still get into files.
    cluster.backends[cut].api.all_rows_in_files().await?;
    ensure!(cluster.backends[cut].log().contains("steps aside"), "the cut replica did not step aside:\n{}", cluster.backends[cut].log());
    let (status, body) = cluster.backends[cut]
        .api
        .ask(Method::POST, "/api/v1/sql", Some(&serde_json::json!({"query": "select sum(archived_count) from pg_stat_archiver"})))
        .await?;
    ensure!(
        status == 503 && body.contains("the files of the history cannot be read"),
        "the cut replica answers a query of files with {status} {body}"
    );
    shipper.judge(&cluster.balancer.api).await.or_else(|error| {
        // The balancer may have asked the cut replica, which is ready: it takes batches and answers queries of recent rows.
        if format!("{error:#}").contains("503") { Ok(()) } else { Err(error) }
    })?;
    network.heal(network.hosts[cut].address, network::STORE)?;
    until("the judge's answer at the healed replica", PATIENCE, async || shipper.judge(&cluster.backends[cut].api).await.map(Some)).await
}

#[tokio::test]
async fn clients_of_a_backend_cut_from_the_balancer_are_served_by_the_others() -> Result<()> {
    let network = Network::enter(3)?;
    let cluster = cluster(&network).await?;
    let mut shipper = Shipper::new(&cluster.backends[0].api, "shipper").await?;
    shipper.ship_batches(&cluster.balancer.api, 10).await?;
    for host in &network.hosts {
        network.cut(host.address, host.gateway)?;
        shipper.ship_batches(&cluster.balancer.api, 10).await?;
        shipper.judge(&cluster.balancer.api).await.context("while a backend is cut off")?;
        network.heal(host.address, host.gateway)?;
        until("the healed backend to be ready", PATIENCE, async || {
            for backend in &cluster.backends {
                let (ready, words) = backend.api.ask(Method::GET, "/readyz", None).await?;
                ensure!(ready == 200, "{words}");
            }
            Ok(Some(()))
        })
        .await?;
    }
    for backend in &cluster.backends {
        shipper.judge(&backend.api).await?;
    }
    Ok(())
}
