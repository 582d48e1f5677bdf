//! What the crate promises to the collector and the backend.

mod builtin;
mod definitions;
mod queries;
mod reference;
mod templates;
mod wire;
