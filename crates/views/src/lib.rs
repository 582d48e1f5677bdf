//! The contract between collector and backend: the definitions of `views/*.toml`, their Arrow schemas, their SQL for each PostgreSQL
//! version, and the wire format of batches. The only I/O is [`ViewSet::with_folder`].
//!
//! ```text
//! definition ──▶ schema, rollup ──▶ set ──▶ reference         wire, clock, enrol: what both sides send each other
//! ```

pub mod clock;
mod definition;
pub mod enrol;
mod reference;
mod rollup;
mod schema;
mod set;
pub mod wire;

pub use definition::{
    Column, DefinitionError, Kind, Listed, Mark, OLDEST_VERSION, Origin, RESERVED_COLUMNS, Says, Scope, Ship, Source, Sql, Tier, Type,
    View, parse, parse_duration,
};
pub use reference::reference;
pub use rollup::{AVG, COUNT, LAST_TS, MAX, MIN, SNAPSHOTS, rollup};
pub use schema::{INTERVAL_MS, SERVER, TS, data_type, schema};
pub use set::ViewSet;
