//! Secrets: tokens, passwords, and the type that keeps them out of logs.
//!
//! For: creating secrets, hashing them, and comparing passwords. Uses: no other room. Used by: every room that handles secrets.

mod generate;
mod password;
mod text;
mod token;

pub use generate::generate_password;
pub use password::{MIN_PASSWORD_LENGTH, PasswordError, check_password};
pub(crate) use password::{Overloaded, Passwords, hash_blocking};
pub use text::Secret;
pub use token::generate_operator_token;
pub(crate) use token::{TokenPrefix, fingerprint};
