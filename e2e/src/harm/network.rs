//! A network of a test's own, made of namespaces, where packets can be lost: a router in the middle, in which the test's thread and every
//! server it starts live, and hosts around it, for the processes that are to be cut off.
//!
//! # Promise
//! A cut is silent, as a broken cable or a firewall that drops is: nobody is refused, connections stay half open, and what was sent
//! is sent again by TCP once the cut is healed. Nothing outside is touched: names, addresses, routes and rules are all within the namespaces,
//! which go when the network is dropped, or, after a kill -9, when the next one is made.
//!
//! # How
//! Routers drop what a routing rule of the kind `blackhole` matches. The table of local addresses comes after these rules here, so
//! that they hold for packets to the router's own addresses too.

use std::cell::RefCell;
use std::fs::File;
use std::net::Ipv4Addr;
use std::os::fd::AsFd as _;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result, ensure};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::machine::process::{is_root, run, start_spawner};

/// Where PostgreSQL listens, as hosts see it.
pub const DATABASE: Ipv4Addr = Ipv4Addr::new(10, 213, 0, 1);
/// Where the object store listens.
pub const STORE: Ipv4Addr = Ipv4Addr::new(10, 213, 0, 2);
/// Where a second PostgreSQL listens.
pub const STANDBY: Ipv4Addr = Ipv4Addr::new(10, 213, 0, 3);
/// What names of namespaces begin with; the process follows, so that what a killed one left is told from what is in use.
const PREFIX: &str = "pganalytics-e2e-";
/// Where `ip netns` keeps them.
const NAMESPACES: &str = "/run/netns";

/// A host at the network's edge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    pub namespace: String,
    pub address: Ipv4Addr,
    /// The router as this host sees it: the source of whatever comes from the test and the balancer.
    pub gateway: Ipv4Addr,
}

/// See the module.
#[derive(Debug)]
pub struct Network {
    router: String,
    pub hosts: Vec<Host>,
}

thread_local! {
    static ENTERED: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// The namespace that this thread has entered: its children start there.
pub(crate) fn entered() -> Option<String> {
    ENTERED.with_borrow(Clone::clone)
}

impl Network {
    /// Makes one and moves this thread into its router for the rest of its life, and so whatever the thread starts.
    ///
    /// # Errors
    /// Where namespaces cannot be made.
    pub fn enter(hosts: u8) -> Result<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        ensure!(is_root(), "a network of a test's own is made of network namespaces, which needs root on Linux: run the tests as root");
        // Before this thread moves: a thread starts in the namespace of the one that starts it, and this one starts all tests' children.
        start_spawner();
        sweep();
        let name = format!("{PREFIX}{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let mut network = Self { router: format!("{name}-router"), hosts: Vec::new() };
        network
            .make(&name, hosts)
            .context("make a network of namespaces: it needs iproute2 (apt install iproute2) and a kernel with veth")?;
        let namespace = File::open(Path::new(NAMESPACES).join(&network.router)).context("open the router's namespace")?;
        move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network)).context("enter the router's namespace")?;
        ENTERED.set(Some(network.router.clone()));
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

    /// Loses whatever goes from one address to the other, and back.
    ///
    /// # Errors
    /// When the kernel takes no such rule.
    pub fn cut(&self, one: Ipv4Addr, other: Ipv4Addr) -> Result<()> {
        self.cut_one_way(one, other)?;
        self.cut_one_way(other, one)
    }

    /// Loses what goes from the first to the second; answers still come through.
    ///
    /// # Errors
    /// See [`Self::cut`].
    pub fn cut_one_way(&self, from: Ipv4Addr, to: Ipv4Addr) -> Result<()> {
        self.rule("add", from, to)
    }

    /// # Errors
    /// Where there was no such cut.
    pub fn heal(&self, one: Ipv4Addr, other: Ipv4Addr) -> Result<()> {
        self.rule("del", one, other)?;
        self.rule("del", other, one)
    }

    /// # Errors
    /// See [`Self::heal`].
    pub fn heal_one_way(&self, from: Ipv4Addr, to: Ipv4Addr) -> Result<()> {
        self.rule("del", from, to)
    }

    fn rule(&self, what: &str, from: Ipv4Addr, to: Ipv4Addr) -> Result<()> {
        let (from, to) = (from.to_string(), to.to_string());
        ip(&["-n", &self.router, "rule", what, "pref", "10", "from", &from, "to", &to, "blackhole"])
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

/// Removes what test processes that were killed have left.
fn sweep() {
    let left = std::fs::read_dir(NAMESPACES).into_iter().flatten().flatten();
    for name in left.filter_map(|entry| entry.file_name().into_string().ok()) {
        let process = name.strip_prefix(PREFIX).and_then(|rest| rest.split('-').next());
        if process.is_some_and(|process| !Path::new("/proc").join(process).exists()) {
            // Another test may be removing it too.
            let _ = ip(&["netns", "del", &name]);
        }
    }
}
