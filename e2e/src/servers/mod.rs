//! Real servers of other projects: PostgreSQL, S3, Azure Blob, Redis, load balancers, a Kubernetes API. Each listens on a free loopback port and
//! keeps its data in a temporary folder; dropping the value ends the server.
//!
//! Uses `machine`, `wait` and `api`. Used by `drive`, `workload`, `bench` and the tests.

mod azure;
pub mod balancer;
pub mod kubernetes;
pub mod postgres;
mod redis;
pub mod s3;

pub use azure::{Azure, CONTAINER};
pub use balancer::Balancer;
pub use kubernetes::Kubernetes;
pub use postgres::Postgres;
pub use redis::Redis;
pub use s3::S3;
