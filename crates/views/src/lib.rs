//! What is collected: the definitions of `views/*.toml`, their Arrow schemas, their SQL per version, and the wire format in
//! which the collector ships what it read. The collector and the backend meet only here. No I/O but [`ViewSet::with_folder`].

pub mod clock;
mod definition;
pub mod enrol;
mod reference;
mod rollup;
mod schema;
mod set;
pub mod wire;

pub use definition::{
    Column, DefinitionError, Kind, OLDEST_VERSION, Origin, RESERVED_COLUMNS, Scope, Ship, Source, Sql, Tier, Type, View, parse,
    parse_duration,
};
pub use reference::reference;
pub use rollup::{AVG, COUNT, LAST_TS, MAX, MIN, SNAPSHOTS, rollup};
pub use schema::{INTERVAL_MS, SERVER, TS, data_type, schema};
pub use set::ViewSet;
