//! Free ports of the loopback address, outside the range that the kernel uses for outgoing connections. So a server that is stopped for a while
//! finds its port free again.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Result, bail};

const FIRST: u32 = 20_000;
const COUNT: u32 = 12_000;

/// A port without a listener. This process gets the same port again only after all other ports of the range.
///
/// # Errors
/// If no port of the range is free.
pub fn free() -> Result<u16> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    // Test processes that run at the same time begin at different ports.
    let start = std::process::id().wrapping_mul(97);
    for _ in 0..COUNT {
        let at = FIRST + start.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % COUNT;
        let Ok(port) = u16::try_from(at) else { continue };
        if is_free(port) {
            return Ok(port);
        }
    }
    bail!("no port from {FIRST} to {} on 127.0.0.1 is free: stop programs that listen there", FIRST + COUNT - 1)
}

/// The first free port from `from` on.
#[must_use]
pub fn free_from(from: u16) -> Option<u16> {
    (from..=u16::MAX).find(|port| is_free(*port))
}

fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}
