//! Reads PostgreSQL's statistics safely and ships them to the backend.
//!
//! ```text
//! target (one task a server) ─▶ probe ─▶ delta ─▶ gather ─▶ batch ─▶ spool ─▶ ship ══▶ backend
//! ```
//! [`Config`] says what to read and where to ship it. [`run`] collects until it is told to stop. [`doctor`] reports what is missing, with the
//! remedy.
//!
//! # Rooms
//! From top to bottom; each may use the rooms below it, and none above it. A test checks this order.
//!
//! | room | what it does |
//! |---|---|
//! | `operate` | starts and stops everything, serves `/metrics`, runs `doctor` |
//! | `find` | finds servers that the configuration does not name |
//! | `read` | reads one server |
//! | `delta` | turns counters into deltas |
//! | `ship` | keeps batches on disk and ships them |
//! | `config` | reads and checks the configuration |
//! | `connect` | says how to reach a server |
//! | `clock`, `registry` | the time; how a metric is registered |

mod clock;
mod config;
mod connect;
mod delta;
mod find;
mod operate;
mod read;
mod registry;
mod ship;

pub use config::{Backend, Config, ConfigError, KubernetesOptions, Overrides, Source, SpoolOptions, TargetOptions, Token, Watched};
pub use connect::conninfo::{Conninfo, ConninfoError};
pub use connect::secret::Secret;
pub use operate::{Level, Report, doctor, run};
pub use ship::spool::Spool;
