//! Connection strings as libpq takes them: a URL or `key=value` words, completed from a service file, `PG*` variables,
//! `~/.pgpass` and libpq's defaults, in libpq's order of precedence.
//!
//! # Promise
//! - What works with `psql` works here with the same meaning, or is refused with the reason; nothing is silently ignored that
//!   would make a connection less safe.
//! - `Debug`, `Display` and every error leave the password out, whatever the string looked like.
//!
//! # sslmode
//! `disable` plain · `allow` plain, then TLS · `prefer` TLS, then plain · `require` TLS (and the server's certificate checked as
//! with `verify-ca` where a root certificate is there, as libpq does) · `verify-ca` · `verify-full`. Unix sockets use no TLS.
//!
//! May use `secret`.
//! Used by every room but `delta`.

mod address;
mod attempt;
mod environment;
mod error;
mod info;
mod keys;
mod login_files;
mod modes;
mod passfile;
mod resolve;
mod service_file;
#[cfg(test)]
mod tests;
mod url;
mod words;

pub(crate) use address::{Address, Host};
pub(crate) use attempt::APPLICATION_NAME;
pub(crate) use attempt::{Attempt, Roots, Trust};
pub(crate) use environment::Environment;
pub use error::ConninfoError;
pub use info::Conninfo;
pub(crate) use login_files::LoginFiles;
pub(crate) use modes::{RootCert, SessionAttrs, SslMode};
