//! Load balancers in front of backends, with the files of `deploy/` that users get.
//!
//! Uses `machine`, `wait` and `api`. Used by `drive` and the tests.

mod haproxy;
mod load_balancer;
mod nginx;
mod parameters;

pub use load_balancer::{Balancer, Software};
pub use parameters::{BACKENDS, Inner};
