//! Load balancers in front of backends, with the files of `deploy/` that users get.
//!
//! Uses `machine`, `wait` and `api`. Used by `drive` and the tests.

mod haproxy;
mod load_balancer;
mod nginx;

pub use load_balancer::{BACKENDS, Balancer, Inner, Software};
pub(crate) use load_balancer::{Parameters, adapt, deployed, program};
