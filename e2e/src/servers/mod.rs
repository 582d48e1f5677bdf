//! Real servers that are not ours: PostgreSQL, S3, Azure Blob, Redis, load balancers, a Kubernetes API. Each listens on a free loopback port,
//! keeps its data in a temporary folder, and ends when it is dropped.
//!
//! Uses `machine`, `wait` and `api`. Used by `drive`, `workload` and the tests.

pub mod azure;
pub mod balancer;
pub mod kubernetes;
pub mod postgres;
pub mod redis;
pub mod s3;
