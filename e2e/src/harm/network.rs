//! A network of namespaces in which a test can lose packets. The test's thread and the servers that it starts live in a router; processes that
//! the test cuts off live on hosts around the router.
//!
//! # Promise
//! A cut is silent, like a broken cable or a firewall that drops packets: no connection is refused, connections stay half open, and TCP sends the
//! lost packets again when the cut is healed. Names, addresses, routes and rules are all inside the namespaces. Dropping the network removes the
//! namespaces; after a kill -9, the next network removes them.
//!
//! # How
//! The router drops packets that match a routing rule of the type `blackhole`. The table of local addresses comes after these rules, so the rules
//! also hold for packets to the router's own addresses.

use std::fs::File;
use std::net::Ipv4Addr;
use std::os::fd::AsFd as _;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result, ensure};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::machine::namespace;
use crate::machine::process::{is_root, run, start_spawner};

/// The address of PostgreSQL, for the hosts.
pub const DATABASE: Ipv4Addr = Ipv4Addr::new(10, 213, 0, 1);
/// The address of the object store.
pub const STORE: Ipv4Addr = Ipv4Addr::new(10, 213, 0, 2);
/// The address of a second PostgreSQL.
pub const STANDBY: Ipv4Addr = Ipv4Addr::new(10, 213, 0, 3);
/// The prefix of the namespaces' names. The process id follows, so that namespaces of ended processes can be found.
const PREFIX: &str = "pganalytics-e2e-";
/// The folder in which `ip netns` keeps namespaces.
const NAMESPACES: &str = "/run/netns";

/// A host at the network's edge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    pub namespace: String,
    pub address: Ipv4Addr,
    /// The router's address on this host's network: the source of all packets from the test and the balancer.
    pub gateway: Ipv4Addr,
}

/// A network; see the module.
#[derive(Debug)]
pub struct Network {
    router: String,
    pub hosts: Vec<Host>,
}

impl Network {
    /// Makes a network with this many hosts, and moves this thread into the router for the rest of the thread's life. Servers that the thread
    /// starts live there too.
    ///
    /// # Errors
    /// If namespaces cannot be made.
    pub fn enter(hosts: u8) -> Result<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        ensure!(is_root(), "this test cuts a network of namespaces, which needs root on Linux: run the tests as root");
        // Before this thread moves: a new thread starts in the namespace of its parent, and the spawner starts the children of all tests.
        start_spawner();
        sweep();
        let name = format!("{PREFIX}{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let mut network = Self { router: format!("{name}-router"), hosts: Vec::new() };
        network
            .make(&name, hosts)
            .context("make a network of namespaces: it needs iproute2 (apt install iproute2) and a kernel with veth")?;
        let namespace = File::open(Path::new(NAMESPACES).join(&network.router)).context("open the router's namespace")?;
        move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network)).context("enter the router's namespace")?;
        namespace::set_entered(&network.router);
        Ok(network)
    }

    fn make(&mut self, name: &str, hosts: u8) -> Result<()> {
        ip(&["netns", "add", &self.router])?;
        let router = self.router.clone();
        let of = |namespace: &str, words: &str| {
            let words: Vec<&str> = ["-n", namespace].into_iter().chain(words.split(' ')).collect();
            ip(&words)
        };
        of(&router, "link set lo up")?;
        for address in [DATABASE, STORE, STANDBY] {
            of(&router, &format!("addr add {address}/32 dev lo"))?;
        }
        for at in 1..=hosts {
            let host = Host {
                namespace: format!("{name}-host-{at}"),
                address: Ipv4Addr::new(10, 213, at, 2),
                gateway: Ipv4Addr::new(10, 213, at, 1),
            };
            ip(&["netns", "add", &host.namespace])?;
            of(&router, &format!("link add name host{at} type veth peer name uplink netns {}", host.namespace))?;
            of(&router, &format!("addr add {}/24 dev host{at}", host.gateway))?;
            of(&router, &format!("link set host{at} up"))?;
            for words in ["link set lo up", &format!("addr add {}/24 dev uplink", host.address), "link set uplink up"] {
                of(&host.namespace, words)?;
            }
            of(&host.namespace, &format!("route add default via {}", host.gateway))?;
            self.hosts.push(host);
        }
        of(&router, "rule add pref 100 lookup local")?;
        of(&router, "rule del pref 0 lookup local")
    }

    /// Loses all packets between two addresses.
    ///
    /// # Errors
    /// If the kernel refuses the rule.
    pub fn cut(&self, one: Ipv4Addr, other: Ipv4Addr) -> Result<()> {
        self.cut_one_way(one, other)?;
        self.cut_one_way(other, one)
    }

    /// Loses packets from the first address to the second. Packets in the other direction arrive.
    ///
    /// # Errors
    /// See [`Self::cut`].
    pub fn cut_one_way(&self, from: Ipv4Addr, to: Ipv4Addr) -> Result<()> {
        self.rule("add", from, to)
    }

    /// # Errors
    /// If there was no such cut.
    pub fn heal(&self, one: Ipv4Addr, other: Ipv4Addr) -> Result<()> {
        self.rule("del", one, other)?;
        self.rule("del", other, one)
    }

    /// # Errors
    /// See [`Self::heal`].
    pub fn heal_one_way(&self, from: Ipv4Addr, to: Ipv4Addr) -> Result<()> {
        self.rule("del", from, to)
    }

    fn rule(&self, action: &str, from: Ipv4Addr, to: Ipv4Addr) -> Result<()> {
        let (from, to) = (from.to_string(), to.to_string());
        ip(&["-n", &self.router, "rule", action, "pref", "10", "from", &from, "to", &to, "blackhole"])
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        for namespace in self.hosts.iter().map(|host| &host.namespace).chain([&self.router]) {
            if let Err(error) = ip(&["netns", "del", namespace]) {
                eprintln!("{error:#}");
            }
        }
    }
}

fn ip(words: &[&str]) -> Result<()> {
    run(Command::new("ip").args(words)).with_context(|| format!("run ip {}", words.join(" ")))
}

/// Removes the namespaces of test processes that were killed.
fn sweep() {
    let left = std::fs::read_dir(NAMESPACES).into_iter().flatten().flatten();
    for name in left.filter_map(|entry| entry.file_name().into_string().ok()) {
        let process = name.strip_prefix(PREFIX).and_then(|rest| rest.split('-').next());
        if process.is_some_and(|process| !Path::new("/proc").join(process).exists()) {
            // Another test may remove the same namespace.
            let _ = ip(&["netns", "del", &name]);
        }
    }
}
