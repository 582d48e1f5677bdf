//! Networks that are cut in silence: packets are dropped, nobody is refused, connections stay half open.

use anyhow::{Context, Result, ensure};
use e2e::drive::backend::Settings;
use e2e::drive::cluster::{Cluster, durable};
use e2e::drive::replicas::{holder, holds_the_lease, next_term, term};
use e2e::harm::network::{self, Network};
use e2e::judge::shipper::Hand;
use e2e::wait::{PATIENCE, until};
use reqwest::Method;

/// Three backends that compact each second and give up on a silent object store sooner than by default.
async fn cluster(network: &Network) -> Result<Cluster> {
    let mut settings = Settings::flags(&["--compact-every", "1s"]);
    settings.environment.extend([("AWS_TIMEOUT", "5s"), ("AWS_CONNECT_TIMEOUT", "2s")].map(|(name, value)| (name.into(), value.into())));
    Cluster::start_in(network, durable(), &[settings.clone(), settings.clone(), settings]).await
}

async fn ship(hand: &mut Hand, cluster: &Cluster, batches: u32) -> Result<()> {
    for _ in 0..batches {
        let batch = hand.next_batch()?;
        hand.ship_until_acknowledged(&cluster.balancer.api, &batch).await?;
    }
    Ok(())
}

async fn all_in_files(cluster: &Cluster, at: usize) -> Result<()> {
    until("all rows to be in files", PATIENCE, async || {
        let (_, metrics) = cluster.backends[at].api.ask(Method::GET, "/metrics", None).await?;
        Ok(metrics.lines().any(|line| line == "pganalytics_lake_hot_rows 0").then_some(()))
    })
    .await
}

#[tokio::test]
async fn a_holder_that_is_cut_from_the_database_is_followed_and_writes_nothing_after_its_fence() -> Result<()> {
    let network = Network::enter(3)?;
    let cluster = cluster(&network).await?;
    let mut hand = Hand::new(&cluster.backends[0].api, "hand").await?;
    ship(&mut hand, &cluster, 5).await?;
    let mut session = cluster.meta.connect_to("pganalytics", "postgres", None).await?;
    for round in 0..2 {
        let (cut, before) = holder(&mut session, &cluster.backends).await?;
        let host = &network.hosts[cut];
        // Half of the time the holder's own words still arrive, and only the answers are lost: it has committed and does not know it.
        if round == 0 {
            network.cut(host.address, network::DATABASE)?;
        } else {
            network.cut_one_way(network::DATABASE, host.address)?;
        }
        let (after, _) = next_term(&mut session, before).await?;
        ship(&mut hand, &cluster, 5).await?;
        until("the cut replica to know that it holds nothing", PATIENCE, async || {
            Ok((!holds_the_lease(&cluster.backends[cut])).then_some(()))
        })
        .await?;
        let (ready, words) = cluster.backends[cut].api.ask(Method::GET, "/readyz", None).await?;
        ensure!(ready == 503, "the cut replica says that it is ready: {words}");
        if round == 0 {
            network.heal(host.address, network::DATABASE)?;
        } else {
            network.heal_one_way(network::DATABASE, host.address)?;
        }
        for backend in &cluster.backends {
            let found = until("an answer", PATIENCE, async || hand.counted(&backend.api).await.map(Some)).await?;
            ensure!(found == hand.acknowledged(), "{found:?} at {}, not {:?}", backend.api.url, hand.acknowledged());
        }
        let now = term(&mut session).await?;
        ensure!(now.fence >= after.fence, "the fence went back");
    }
    all_in_files(&cluster, 0).await?;
    for backend in &cluster.backends {
        hand.judge(&backend.api).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_holder_that_is_cut_from_the_store_hands_over_to_one_that_is_not() -> Result<()> {
    let network = Network::enter(3)?;
    let cluster = cluster(&network).await?;
    let mut hand = Hand::new(&cluster.backends[0].api, "hand").await?;
    ship(&mut hand, &cluster, 3).await?;
    all_in_files(&cluster, 0).await?;
    let mut session = cluster.meta.connect_to("pganalytics", "postgres", None).await?;
    let (cut, _) = holder(&mut session, &cluster.backends).await?;
    network.cut(network.hosts[cut].address, network::STORE)?;
    ship(&mut hand, &cluster, 3).await?;
    // Not healed: the rows get into files all the same.
    all_in_files(&cluster, cut).await?;
    ensure!(cluster.backends[cut].log().contains("steps aside"), "the cut replica did not say so:\n{}", cluster.backends[cut].log());
    let (status, body) = cluster.backends[cut]
        .api
        .ask(Method::POST, "/api/v1/sql", Some(&serde_json::json!({"query": "select sum(archived_count) from pg_stat_archiver"})))
        .await?;
    ensure!(status == 503 && body.contains("cannot be read at the moment"), "a query of files at the cut replica: {status} {body}");
    hand.judge(&cluster.balancer.api).await.or_else(|error| {
        // The balancer may have asked the cut one, which is ready: it takes batches and answers of recent rows.
        if format!("{error:#}").contains("503") { Ok(()) } else { Err(error) }
    })?;
    network.heal(network.hosts[cut].address, network::STORE)?;
    until("the judge's answer at the healed replica", PATIENCE, async || hand.judge(&cluster.backends[cut].api).await.map(Some)).await
}

#[tokio::test]
async fn clients_of_a_backend_that_is_cut_from_the_balancer_are_served_by_the_others() -> Result<()> {
    let network = Network::enter(3)?;
    let cluster = cluster(&network).await?;
    let mut hand = Hand::new(&cluster.backends[0].api, "hand").await?;
    ship(&mut hand, &cluster, 10).await?;
    for host in &network.hosts {
        network.cut(host.address, host.gateway)?;
        ship(&mut hand, &cluster, 10).await?;
        hand.judge(&cluster.balancer.api).await.context("while one is cut off")?;
        network.heal(host.address, host.gateway)?;
        until("the healed one to be ready", PATIENCE, async || {
            for backend in &cluster.backends {
                let (ready, words) = backend.api.ask(Method::GET, "/readyz", None).await?;
                ensure!(ready == 200, "{words}");
            }
            Ok(Some(()))
        })
        .await?;
    }
    for backend in &cluster.backends {
        hand.judge(&backend.api).await?;
    }
    Ok(())
}
