//! The lake as its users hold it: opened, fed, asked, closed.
//! Uses: every room below. Used by: other crates, through `lib.rs`.

mod facade;
mod folder;
mod open;

pub use facade::Lake;
