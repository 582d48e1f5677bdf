//! The memory that queries may reserve.
//!
//! # Promise
//! - All queries together reserve at most the query memory.
//! - Consoles together reserve at most [`CONSOLES`] of it, so that there is always some left for pages.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use datafusion::error::{DataFusionError, Result};
use datafusion::execution::memory_pool::{FairSpillPool, MemoryConsumer, MemoryLimit, MemoryPool, MemoryReservation};

/// The share of consoles: numerator and denominator.
pub(crate) const CONSOLES: (usize, usize) = (3, 4);

/// The memory of all queries.
#[derive(Debug)]
pub(crate) struct Total {
    limit: usize,
    used: AtomicUsize,
}

impl Total {
    pub(crate) fn new(limit: usize) -> Self {
        Self { limit, used: AtomicUsize::new(0) }
    }

    fn try_take(&self, bytes: usize) -> std::result::Result<(), usize> {
        let taken = |used: usize| used.checked_add(bytes).filter(|sum| *sum <= self.limit);
        self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, taken).map(drop)
    }
}

/// A part of the memory, shared by the queries of one purpose as DataFusion shares a pool: those that can spill get equal parts.
#[derive(Debug)]
pub(crate) struct Part {
    name: &'static str,
    fair: FairSpillPool,
    total: Arc<Total>,
}

impl Part {
    /// At most `limit` bytes of `total`.
    pub(crate) fn new(name: &'static str, limit: usize, total: Arc<Total>) -> Self {
        Self { name, fair: FairSpillPool::new(limit), total }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} of {} bytes are reserved", self.name, self.total.used.load(Ordering::Relaxed), self.total.limit)
    }
}

impl MemoryPool for Part {
    fn name(&self) -> &str {
        self.name
    }

    fn register(&self, consumer: &MemoryConsumer) {
        self.fair.register(consumer);
    }

    fn unregister(&self, consumer: &MemoryConsumer) {
        self.fair.unregister(consumer);
    }

    fn grow(&self, reservation: &MemoryReservation, additional: usize) {
        self.total.used.fetch_add(additional, Ordering::Relaxed);
        self.fair.grow(reservation, additional);
    }

    fn shrink(&self, reservation: &MemoryReservation, shrink: usize) {
        self.fair.shrink(reservation, shrink);
        self.total.used.fetch_sub(shrink, Ordering::Relaxed);
    }

    fn try_grow(&self, reservation: &MemoryReservation, additional: usize) -> Result<()> {
        self.total.try_take(additional).map_err(|used| {
            let (name, limit) = (reservation.consumer().name(), self.total.limit);
            DataFusionError::ResourcesExhausted(format!("{name} needs {additional} more bytes, and {used} of {limit} bytes are in use"))
        })?;
        self.fair.try_grow(reservation, additional).inspect_err(|_| {
            self.total.used.fetch_sub(additional, Ordering::Relaxed);
        })
    }

    fn reserved(&self) -> usize {
        self.fair.reserved()
    }

    fn memory_limit(&self) -> MemoryLimit {
        self.fair.memory_limit()
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test ends at what it did not expect")]
mod tests {
    use super::*;

    #[test]
    fn consoles_leave_memory_for_pages_and_both_together_keep_to_the_total() {
        let total = Arc::new(Total::new(100));
        let pages: Arc<dyn MemoryPool> = Arc::new(Part::new("pages", 100, Arc::clone(&total)));
        let consoles: Arc<dyn MemoryPool> = Arc::new(Part::new("consoles", 75, Arc::clone(&total)));
        let console = MemoryConsumer::new("console").register(&consoles);
        let page = MemoryConsumer::new("page").register(&pages);
        console.try_grow(75).unwrap();
        assert!(console.try_grow(1).is_err());
        page.try_grow(25).unwrap();
        assert!(page.try_grow(1).unwrap_err().to_string().contains("100 of 100"));
        console.shrink(75);
        page.try_grow(75).unwrap();
        assert!(console.try_grow(1).is_err());
        drop(page);
        drop(console);
        assert_eq!(total.used.load(Ordering::Relaxed), 0);
    }
}
