//! The meta store: users, sessions, tokens, collectors, servers, hot batches and the catalog of files.
//!
//! # Promise
//! A change is durable when its method returns. The store is one SQLite file in the data folder, or a PostgreSQL server that replicas
//! share. The statements are the same for both ([`database`]). This module does not depend on HTTP, and does not compute hashes.
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
