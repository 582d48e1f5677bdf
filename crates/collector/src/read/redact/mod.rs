//! Removes values from texts before the texts leave this machine.
//!
//! Only this room can make a [`Redacted`], so no other text can be shipped where a [`Redacted`] is expected.
//!
//! Uses no other room.
//! Used by `probe` and `log`.

mod lexer;
mod message;
mod redacted;
mod setting;
mod statement;

pub(crate) use message::message;
pub(crate) use redacted::Redacted;
pub(crate) use statement::statement;
