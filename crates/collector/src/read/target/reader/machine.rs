//! Reads the server's host: this machine, or the host that the discovery knows.

use std::net::{IpAddr, UdpSocket};
use std::sync::Arc;
use std::time::Instant;

use pganalytics_views::View;

use super::memory::Reader;
use crate::clock::now_us;
use crate::connect::conninfo::{Address, Conninfo};
use crate::read::probe::host;

impl Reader {
    pub(super) fn read_machine(&mut self, view: &Arc<View>) {
        if !self.is_local() {
            return;
        }
        let begun = Instant::now();
        match host::read(view, now_us()) {
            Ok(snapshot) => self.ship(view, None, &snapshot, begun.elapsed()),
            Err(error) => self.target.was_not_read(&view.name, None, begun.elapsed(), &format!("{error:#}")),
        }
    }

    pub(super) fn read_its_host(&mut self, view: &Arc<View>) {
        let Some(at) = self.target.link.host() else { return };
        let begun = Instant::now();
        if let Some(what) = at.contradicts(self.in_recovery) {
            tracing::warn!(server = self.target.options.name, "{what}");
        }
        match at.read(view, self.in_recovery, now_us()) {
            Ok(snapshot) => self.ship(view, None, &snapshot, begun.elapsed()),
            Err(error) => self.target.was_not_read(&view.name, None, begun.elapsed(), &format!("{error:#}")),
        }
    }

    pub(super) fn is_local(&mut self) -> bool {
        let addr = self.server_addr.as_deref();
        *self.local.get_or_insert_with(|| is_local(&self.target.link.conninfo(), addr))
    }
}

/// Whether a server runs on this machine, so that /proc describes its host.
fn is_local(conninfo: &Conninfo, server_addr: Option<&str>) -> bool {
    let own = |address: &str| address.parse::<IpAddr>().is_ok_and(is_own);
    conninfo.hosts.first().is_some_and(|host| match &host.at {
        Address::Socket(_) => true,
        Address::Tcp(name) => name == "localhost" || own(name) || server_addr.is_some_and(own),
    })
}

/// Whether an address belongs to this machine: only such an address can be bound.
fn is_own(address: IpAddr) -> bool {
    address.is_loopback() || (!address.is_unspecified() && UdpSocket::bind((address, 0)).is_ok())
}
