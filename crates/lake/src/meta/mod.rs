//! The meta store: users, sessions, tokens, collectors, servers, hot batches and the catalog of files.
//!
//! # Promise
//! What a method has returned is durable. The store is one SQLite file in the data folder, or a PostgreSQL that replicas share; the
//! statements are the same ([`database`]). Nothing here knows HTTP or how a hash is made.
//!
//! Uses: no other room. Used by: every room above it but `decode`, `rollup` and `parquet`.

mod address;
mod attempts;
mod collectors;
mod credentials;
pub(crate) mod database;
mod enrolment;
mod error;
mod handle;
mod hosts;
mod migrations;
mod open;
mod progress;
mod remedy;
mod role;
mod servers;
mod sessions;
mod settings;
mod sighting;
mod time;
mod tokens;
mod users;

pub use address::{DatabaseUrl, DatabaseUrlError};
pub use attempts::Attempts;
pub(crate) use collectors::Standing;
pub use collectors::{Collector, CredentialState};
pub use credentials::{Credential, CredentialError};
pub use enrolment::{Applicant, Enrolled, Enrolment};
pub use error::MetaError;
pub use handle::Meta;
pub use migrations::SchemaState;
pub(crate) use open::FILE;
pub(crate) use progress::Progress;
pub use remedy::Remedy;
pub(crate) use remedy::{explain, remedy};
pub use role::{Role, UnknownWord};
pub use servers::{Server, ServerRole};
pub use sessions::Session;
pub(crate) use sighting::Sighting;
pub(crate) use time::{micros, time};
pub use tokens::{NewToken, Token, TokenKind};
pub use users::{Credentials, User};
