//! Reads PostgreSQL's statistics safely and ships them to the backend.
//!
//! ```text
//! target (one task a server) ─▶ probe ─▶ delta ─▶ gather ─▶ batch ─▶ spool ─▶ ship ══▶ backend
//! ```
//! [`Config`] says what to read and where to; [`run`] does it until told to stop; [`doctor`] tells what is missing, and what helps.

mod clock;
pub mod config;
pub mod connect;
pub mod delta;
pub mod find;
pub mod operate;
pub mod read;
mod registry;
pub mod ship;

pub use config::{Backend, Config, ConfigError, KubernetesOptions, Overrides, Source, SpoolOptions, TargetOptions, Token};
pub use connect::conninfo::{Conninfo, ConninfoError};
pub use connect::secret::Secret;
pub use operate::{Level, Report, doctor, run};
pub use ship::spool;
