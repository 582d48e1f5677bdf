//! Takes values out of texts before they leave.
//!
//! [`Redacted`] can be made here alone, so that no other text can be shipped where one is asked for.

mod lexer;
mod message;
mod redacted;
mod statement;

pub(crate) use message::message;
pub use redacted::Redacted;
pub use statement::statement;
