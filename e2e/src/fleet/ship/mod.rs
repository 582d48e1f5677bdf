//! Ships a fleet's batches by the rules of the real collector: in order, one batch in flight per collector, each until it is acknowledged or refused. A
//! batch counts as answered only when the ledger has it on disk, as the real collector's spool does.
//!
//! Uses `ledger`, `rows`, `shape` and `api`. Used by the tests and `bench/fleet`.
//!
//! | answer | what happens |
//! |---|---|
//! | 200 | the ledger records it; the next batch follows |
//! | 400, 413 | the ledger records it as refused; the next batch follows |
//! | 401, 403, 404, 405, 422 | retried slowly |
//! | 429, 5xx, no answer | retried with backoff, or when `Retry-After` says; at the next URL if there are several |

mod endpoint;
mod fleet;
mod shared;
mod task;

pub use endpoint::{Endpoint, Token};
pub use fleet::Fleet;
pub use shared::Progress;
