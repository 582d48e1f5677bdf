//! The peers: their programs, the stores of time series among them, and the protocol that feeds those.
//!
//! Uses `e2e` alone. Used by `collector` and `day`.

mod remote_write;
mod store;

pub(crate) use remote_write::{Request, SAMPLES_PER_REQUEST, Series};
pub(crate) use store::{Kind, Store, find};
