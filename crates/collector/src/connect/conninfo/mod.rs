//! Reads connection strings as libpq does: a URL or `key=value` words, completed from a service file, `PG*` variables, `~/.pgpass` and
//! libpq's defaults, in libpq's order of precedence.
//!
//! # Promise
//! - A string that works with `psql` works here with the same meaning, or is refused with the reason. A setting that makes a connection
//!   safer is never silently ignored.
//! - `Debug`, `Display` and all errors omit the password, whatever the string looks like.
//!
//! # sslmode
//! `disable` plain · `allow` plain, then TLS · `prefer` TLS, then plain · `require` TLS (if there is a root certificate, the server's
//! certificate is verified as with `verify-ca`, as in libpq) · `verify-ca` · `verify-full`. Unix sockets use no TLS.
//!
//! # require_auth
//! As in libpq, but stricter by default: [`RequireAuth`] sends no password in clear text or as MD5 unless the list allows it.
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
mod require_auth;
mod resolve;
mod service_file;
#[cfg(test)]
mod tests;
mod url;
mod words;

pub(crate) use address::{Address, Host};
pub(crate) use attempt::APPLICATION_NAME;
pub(crate) use attempt::{Attempt, Encryption, Roots, Trust};
pub(crate) use environment::Environment;
pub use error::ConninfoError;
pub use info::Conninfo;
pub(crate) use login_files::LoginFiles;
pub(crate) use modes::{RootCert, SessionAttrs, SslMode};
pub(crate) use require_auth::{Method, RequireAuth};
