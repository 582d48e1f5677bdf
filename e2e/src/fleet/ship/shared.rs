//! What the collectors of a fleet share: the rows, the ledger and the counters.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use tokio_util::sync::CancellationToken;

use super::endpoint::Endpoint;
use crate::fleet::ledger::Ledger;
use crate::fleet::rows::Rows;

/// The work of the collectors so far, in this process.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Progress {
    pub batches: u64,
    pub rows: u64,
    pub bytes: u64,
    pub refused: u64,
    /// Batches acknowledged as duplicates: an answer was lost, or a collector was killed before it wrote its ledger.
    pub duplicates: u64,
    /// Failed requests by kind.
    pub failures: BTreeMap<String, u64>,
    /// Closed batches that are not shipped yet.
    pub waiting: u64,
}

/// What the collectors share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) rows: Arc<Rows>,
    pub(super) endpoint: Endpoint,
    pub(super) ledger: Ledger,
    /// Each collector's last sequence in the ledger.
    pub(super) last: Vec<AtomicU64>,
    pub(super) counted: Mutex<Progress>,
    /// Latencies of acknowledged requests since they were taken last, µs.
    pub(super) latencies: Mutex<Vec<u64>>,
    /// The end of the fleet's time, once it is known; later batches are not shipped.
    pub(super) end: Mutex<Option<i64>>,
    pub(super) ending: CancellationToken,
}

/// The wall clock.
pub(super) fn now_us() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
