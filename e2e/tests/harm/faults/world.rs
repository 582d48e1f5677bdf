//! The programs and machines that faults strike, and how each fault begins and ends.

use std::time::Duration;

use anyhow::Result;
use e2e::drive::replicas::{holder, next_term};
use e2e::drive::{Cluster, Collector};
use e2e::harm::{Clock, Disk, Network, network};
use e2e::judge::Tally;
use e2e::servers::postgres::Ending;

use super::fault::Fault;

const HOUR: i64 = 3_600;

/// The programs and machines that faults strike. Fields are dropped in order.
pub(super) struct World {
    pub(super) collectors: Vec<Collector>,
    pub(super) cluster: Cluster,
    pub(super) clocks: Vec<Clock>,
    pub(super) disk: Disk,
    pub(super) network: Network,
}

impl World {
    /// Begins a fault, at this backend or collector unless the fault chooses another. Returns the index of the one that is struck.
    pub(super) async fn strike(&mut self, fault: Fault, at: usize, tally: &mut Tally) -> Result<usize> {
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
            Fault::DatabaseReadOnly => self.cluster.meta.set_read_only(true).await?,
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

    /// Ends a fault.
    pub(super) async fn heal(&mut self, fault: Fault, at: usize) -> Result<()> {
        let host = &self.network.hosts[at];
        match fault {
            Fault::BackendKilled | Fault::HolderKilled | Fault::HolderStopped => self.cluster.backends[at].run().await,
            Fault::BackendFrozen => self.cluster.backends[at].thaw(),
            Fault::DatabaseKilled | Fault::DatabaseRestarted => self.cluster.meta.run().await,
            Fault::DatabaseFull => self.disk.free(),
            Fault::DatabaseReadOnly => self.cluster.meta.set_read_only(false).await,
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
}
