//! Every kind of fault, in turn and at random: three backends on hosts of their own behind HAProxy, on PostgreSQL and an S3 server, and real
//! collectors beside a hand that ships. In the end the judges, who know every row that was acknowledged, find each of them once.
//!
//! `FAULT_ROUNDS=300 cargo test --workspace --test main -- faults --nocapture` is the long run; its last lines are the report.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e::drive::backend::Settings;
use e2e::drive::cluster::{Cluster, durable};
use e2e::drive::collector::Collector;
use e2e::drive::replicas::{holder, next_term};
use e2e::harm::clock::Clock;
use e2e::harm::disk::Disk;
use e2e::harm::network::{self, Network};
use e2e::harm::proxy::{Line, Proxy};
use e2e::judge::shipper::Hand;
use e2e::judge::spool_watch::Spooled;
use e2e::judge::tally::Tally;
use e2e::servers::postgres::{Ending, Postgres};
use e2e::wait::{PATIENCE, until};
use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use reqwest::Method;

/// Batches that the hand ships while a fault lasts.
const BATCHES: u32 = 3;
/// Batches tried on a full disk: whether one of them needs more room than its pages have is chance, and `disks` waits until one does.
const WITHOUT_ROOM: u32 = 30;
/// The same faults at the same backends in each run, where nobody asks for others with `FAULT_SEED`.
const SEED: u64 = 20_261_125;
/// Room for PostgreSQL's data, beside what is there from the beginning.
const DISK: u64 = 512 << 20;
const HOUR: i64 = 3_600;
/// What the collectors' line takes longer: their batches lie in the spool for that time at least, where they are seen.
const LINE: Duration = Duration::from_millis(20);

/// What goes wrong in a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    BackendKilled,
    HolderKilled,
    HolderStopped,
    BackendFrozen,
    DatabaseKilled,
    DatabaseRestarted,
    DatabaseFull,
    DatabaseReadOnly,
    StoreKilled,
    StoreFrozen,
    BucketGone,
    CollectorKilled,
    CutFromDatabase,
    AnswersLost,
    CutFromStore,
    CutFromBalancer,
    ClockAhead,
    ClockBehind,
}

impl Fault {
    const ALL: [Self; 18] = [
        Self::BackendKilled,
        Self::HolderKilled,
        Self::HolderStopped,
        Self::BackendFrozen,
        Self::DatabaseKilled,
        Self::DatabaseRestarted,
        Self::DatabaseFull,
        Self::DatabaseReadOnly,
        Self::StoreKilled,
        Self::StoreFrozen,
        Self::BucketGone,
        Self::CollectorKilled,
        Self::CutFromDatabase,
        Self::AnswersLost,
        Self::CutFromStore,
        Self::CutFromBalancer,
        Self::ClockAhead,
        Self::ClockBehind,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::BackendKilled => "kill -9 of a backend",
            Self::HolderKilled => "kill -9 of the lease's holder",
            Self::HolderStopped => "SIGTERM to the lease's holder",
            Self::BackendFrozen => "a backend frozen",
            Self::DatabaseKilled => "kill -9 of PostgreSQL",
            Self::DatabaseRestarted => "PostgreSQL restarted",
            Self::DatabaseFull => "PostgreSQL's disk full",
            Self::DatabaseReadOnly => "PostgreSQL read-only",
            Self::StoreKilled => "kill -9 of the S3 server",
            Self::StoreFrozen => "the S3 server frozen",
            Self::BucketGone => "the bucket gone",
            Self::CollectorKilled => "kill -9 of a collector",
            Self::CutFromDatabase => "a backend cut from PostgreSQL",
            Self::AnswersLost => "PostgreSQL's answers to a backend lost",
            Self::CutFromStore => "a backend cut from the S3 server",
            Self::CutFromBalancer => "a backend cut from the balancer",
            Self::ClockAhead => "a backend's clock an hour ahead",
            Self::ClockBehind => "a backend's clock an hour behind",
        }
    }

    /// Whether nobody can take a batch while it lasts.
    fn stops_everything(self) -> bool {
        matches!(self, Self::DatabaseKilled | Self::DatabaseRestarted | Self::DatabaseFull | Self::DatabaseReadOnly)
    }
}

/// What the faults are done to. Its fields end in this order.
struct World {
    collectors: Vec<Collector>,
    cluster: Cluster,
    clocks: Vec<Clock>,
    disk: Disk,
    network: Network,
}

impl World {
    /// Begins a fault at this backend or collector; the one it is at.
    async fn strike(&mut self, fault: Fault, at: usize, tally: &mut Tally) -> Result<usize> {
        let host = self.network.hosts[at].clone();
        match fault {
            Fault::BackendKilled => self.cluster.backends[at].kill(),
            Fault::HolderKilled | Fault::HolderStopped => {
                let mut session = self.cluster.meta.connect_to("pganalytics", "postgres", None).await?;
                let (holder, before) = holder(&mut session, &self.cluster.backends).await?;
                if fault == Fault::HolderStopped {
                    self.cluster.backends[holder].terminate()?;
                    next_term(&mut session, before).await?;
                    self.cluster.backends[holder].stop()?;
                } else {
                    self.cluster.backends[holder].kill();
                    let (next, _) = next_term(&mut session, before).await?;
                    tally.takeovers.push(Duration::from_micros((next.now - before.now).unsigned_abs()));
                }
                return Ok(holder);
            }
            Fault::BackendFrozen => self.cluster.backends[at].freeze()?,
            Fault::DatabaseKilled => self.cluster.meta.kill().await?,
            Fault::DatabaseRestarted => self.cluster.meta.stop(Ending::Fast)?,
            Fault::DatabaseFull => self.disk.fill()?,
            Fault::DatabaseReadOnly => self.read_only(true).await?,
            Fault::StoreKilled => self.cluster.s3.kill(),
            Fault::StoreFrozen => self.cluster.s3.freeze()?,
            Fault::BucketGone => self.cluster.s3.take_bucket_away()?,
            Fault::CollectorKilled => {
                let at = at % self.collectors.len();
                self.collectors[at].kill();
                return Ok(at);
            }
            Fault::CutFromDatabase => self.network.cut(host.address, network::DATABASE)?,
            Fault::AnswersLost => self.network.cut_one_way(network::DATABASE, host.address)?,
            Fault::CutFromStore => self.network.cut(host.address, network::STORE)?,
            Fault::CutFromBalancer => self.network.cut(host.address, host.gateway)?,
            Fault::ClockAhead => self.clocks[at].jump(HOUR)?,
            Fault::ClockBehind => self.clocks[at].jump(-HOUR)?,
        }
        Ok(at)
    }

    async fn heal(&mut self, fault: Fault, at: usize) -> Result<()> {
        let host = &self.network.hosts[at];
        match fault {
            Fault::BackendKilled | Fault::HolderKilled | Fault::HolderStopped => self.cluster.backends[at].run().await,
            Fault::BackendFrozen => self.cluster.backends[at].thaw(),
            Fault::DatabaseKilled | Fault::DatabaseRestarted => self.cluster.meta.run().await,
            Fault::DatabaseFull => self.disk.free(),
            Fault::DatabaseReadOnly => self.read_only(false).await,
            Fault::StoreKilled => self.cluster.s3.run().await,
            Fault::StoreFrozen => self.cluster.s3.thaw(),
            Fault::BucketGone => self.cluster.s3.bring_bucket_back(),
            Fault::CollectorKilled => self.collectors[at].run(),
            Fault::CutFromDatabase => self.network.heal(host.address, network::DATABASE),
            Fault::AnswersLost => self.network.heal_one_way(network::DATABASE, host.address),
            Fault::CutFromStore => self.network.heal(host.address, network::STORE),
            Fault::CutFromBalancer => self.network.heal(host.address, host.gateway),
            Fault::ClockAhead | Fault::ClockBehind => self.clocks[at].jump(0),
        }
    }

    async fn read_only(&self, on: bool) -> Result<()> {
        let mut session = self.cluster.meta.connect().await?;
        let change = format!("alter system set default_transaction_read_only = {on}");
        for sql in ["set default_transaction_read_only = off", &change, "select pg_reload_conf()"] {
            e2e::servers::postgres::execute(&mut session, sql).await?;
        }
        // The signal is on its way: sessions know it when a new one does.
        until("the setting", PATIENCE, async || {
            let mut session = self.cluster.meta.connect().await?;
            let now: bool =
                sqlx::query_scalar("select current_setting('default_transaction_read_only')::bool").fetch_one(&mut session).await?;
            Ok((now == on).then_some(()))
        })
        .await
    }
}

/// A collector whose line to the balancer is slow, and what is seen of its spool.
async fn collector(cluster: &Cluster, name: &str, postgres: &Postgres) -> Result<(Collector, Spooled, Proxy)> {
    let balancer = &cluster.balancer;
    let proxy = Proxy::to(SocketAddr::from(([127, 0, 0, 1], balancer.https)))?;
    proxy.set(Line::Slow(LINE));
    let targets = [(name, postgres.conninfo("postgres", None))];
    let mut collector = Collector::prepare_for(&balancer.api, Some(&balancer.certificate.authority), &targets).await?;
    collector.reconfigure(&balancer.https.to_string(), &proxy.port.to_string())?;
    std::fs::create_dir_all(collector.spool()).context("create the spool")?;
    let spooled = Spooled::watch(collector.spool())?;
    collector.run()?;
    Ok((collector, spooled, proxy))
}

#[tokio::test]
async fn whatever_fails_nothing_acknowledged_is_missing_or_doubled() -> Result<()> {
    let rounds =
        std::env::var("FAULT_ROUNDS").ok().map_or(Ok(Fault::ALL.len()), |rounds| rounds.parse()).context("FAULT_ROUNDS is a number")?;
    let network = Network::enter(3)?;
    let watched = Postgres::start(17).await?;
    watched.execute("create extension pg_stat_statements").await?;
    let disk = Disk::of(DISK)?;
    let clocks = [Clock::new()?, Clock::new()?, Clock::new()?];
    let settings = clocks.each_ref().map(|clock| {
        // A store that is cut off is noticed sooner than by default, so that rounds are short.
        let mut settings = Settings::flags(&["--compact-every", "1s"]);
        settings.environment = clock.environment();
        settings
            .environment
            .extend([("AWS_TIMEOUT", "5s"), ("AWS_CONNECT_TIMEOUT", "2s")].map(|(name, value)| (name.into(), value.into())));
        settings
    });
    let mut options = durable();
    options.data = Some(disk.path().to_owned());
    let cluster = Cluster::start_in(&network, options, &settings).await?;
    let mut hand = Hand::new(&cluster.backends[0].api, "hand").await?;
    let (first, first_spooled, _line) = collector(&cluster, "first", &watched).await?;
    let (second, second_spooled, _other_line) = collector(&cluster, "second", &watched).await?;
    let mut world = World { collectors: vec![first, second], cluster, clocks: clocks.into(), disk, network };

    let seed = std::env::var("FAULT_SEED").ok().map_or(Ok(SEED), |seed| seed.parse()).context("FAULT_SEED is a number")?;
    let mut random = StdRng::seed_from_u64(seed);
    let mut tally = Tally::default();
    let mut deck: Vec<Fault> = Vec::new();
    for round in 0..rounds {
        if deck.is_empty() {
            deck = Fault::ALL.to_vec();
            deck.shuffle(&mut random);
        }
        let fault = deck.pop().context("a fault")?;
        let at = random.random_range(0..3_usize);
        tally.fault(fault.name());
        let when = format!("round {round}, {}, at {at}", fault.name());
        eprintln!("{when}");
        let at = world.strike(fault, at, &mut tally).await.with_context(|| when.clone())?;
        if fault.stops_everything() {
            let mut batch = hand.next_batch()?;
            for _ in 0..WITHOUT_ROOM {
                let status = hand.ship(&world.cluster.balancer.api, &batch).await;
                tally.tries += 1;
                if status.is_some_and(|status| status.is_success()) {
                    // A full disk has room in pages that are there already.
                    ensure!(fault == Fault::DatabaseFull, "{when}: a batch was taken");
                    tally.batches += 1;
                    batch = hand.next_batch()?;
                    continue;
                }
                ensure!(status.is_none_or(|status| status.is_server_error()), "{when}: {status:?}");
                match status {
                    Some(status) => *tally.refused.entry(status.as_u16()).or_default() += 1,
                    None => tally.unanswered += 1,
                }
                break;
            }
            world.heal(fault, at).await.with_context(|| when.clone())?;
            hand.ship_counted(&world.cluster.balancer.api, &batch, &mut tally).await.with_context(|| when.clone())?;
        }
        for _ in 0..BATCHES {
            let batch = hand.next_batch()?;
            hand.ship_counted(&world.cluster.balancer.api, &batch, &mut tally).await.with_context(|| when.clone())?;
        }
        if !fault.stops_everything() {
            world.heal(fault, at).await.with_context(|| when.clone())?;
        }
        for backend in &world.cluster.backends {
            let found =
                until("an answer", PATIENCE, async || hand.counted(&backend.api).await.map(Some)).await.with_context(|| when.clone())?;
            ensure!(found == hand.acknowledged(), "{when}: {found:?} at {}, {:?} were acknowledged", backend.api.url, hand.acknowledged());
        }
    }
    for (collector, spooled) in world.collectors.iter_mut().zip([&first_spooled, &second_spooled]) {
        collector.stop()?;
        // Its last try to ship may have met a backend that was not well yet.
        while !spooled.all_left() {
            collector.run()?;
            until("the spool to be empty", PATIENCE, async || Ok(spooled.all_left().then_some(()))).await?;
            collector.stop()?;
        }
    }
    until("all rows to be in files", PATIENCE, async || {
        let (_, metrics) = world.cluster.backends[0].api.ask(Method::GET, "/metrics", None).await?;
        Ok(metrics.lines().any(|line| line == "pganalytics_lake_hot_rows 0").then_some(()))
    })
    .await?;
    let mut snapshots = 0;
    for backend in &world.cluster.backends {
        hand.judge(&backend.api).await?;
    }
    for (name, spooled) in [("first", &first_spooled), ("second", &second_spooled)] {
        ensure!(spooled.all_left(), "the collector {name} has batches that were not acknowledged");
        ensure!(spooled.batches()? > 0, "nothing was seen of the collector {name}");
        snapshots += spooled.judge(&world.cluster.balancer.api).await.with_context(|| format!("the collector {name}"))?;
    }
    e2e::drive::watched::judge(&world.cluster.balancer.api).await?;
    ensure!(tally.given_up == 0, "{} batches were given up", tally.given_up);
    let batches = first_spooled.batches()? + second_spooled.batches()?;
    println!("{rounds} rounds\n{tally}\n        {batches} batches of 2 collectors with {snapshots} snapshots, each there once");
    Ok(())
}
