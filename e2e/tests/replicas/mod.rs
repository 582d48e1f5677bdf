//! Several backends: behind load balancers, on one meta store, through kills, failover and upgrades.

mod balancers;
mod cluster;
mod failover;
mod meta_store;
mod newer;
mod shared;
mod takeover;
mod upgrade;
