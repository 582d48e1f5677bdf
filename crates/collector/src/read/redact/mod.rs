//! Takes values out of texts before they leave.
//!
//! [`Redacted`] can be made here alone, so that no other text can be shipped where one is asked for.
//!
//! Uses no other room.
//! Used by `probe` and `log`.

mod lexer;
mod message;
mod redacted;
mod statement;

pub(crate) use message::message;
pub(crate) use redacted::Redacted;
pub(crate) use statement::statement;
