//! The lake as its users see it: opened, fed, asked, closed.
//! Uses: every room below. Used by: nobody here; it is what the crate hands out.

mod facade;
mod folder;
mod open;

pub use facade::Lake;
