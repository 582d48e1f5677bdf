//! The subcommands, one file each.
//!
//! For: the flags and the work of each subcommand. Uses: `backend`, `client`, `access`, and the small rooms for output and settings. Used
//! by: `cli`.

pub(crate) mod all_in_one;
pub(crate) mod collect;
pub(crate) mod collector;
pub(crate) mod completions;
pub(crate) mod doctor;
pub(crate) mod health;
pub(crate) mod kubernetes;
pub(crate) mod lake;
pub(crate) mod migrate;
pub(crate) mod openapi;
pub(crate) mod retention;
pub(crate) mod serve;
pub(crate) mod sql;
pub(crate) mod token;
pub(crate) mod user;
pub(crate) mod views;
