//! The harness of the end-to-end tests, the demo and the benches: real servers, our built programs, faults, and judges. Everything that a test starts
//! ends with the value that holds it, also if the test panics or its process is killed.
//!
//! A whole test, `tests/example.rs`:
//!
//! ```ignore
#![doc = include_str!("../tests/example.rs")]
//! ```
//!
//! | you want | use |
//! |---|---|
//! | a PostgreSQL of a version, with settings and pg_hba lines | [`servers::Postgres::start_with`], [`servers::postgres::Options`] |
//! | to stop, kill, crash or promote a PostgreSQL, make it read-only, or stop one of its sessions | the methods of [`servers::Postgres`] |
//! | a backend with flags and variables | [`drive::Backend::start_with`], [`drive::Settings`] |
//! | a collector with a configuration | [`drive::Collector::prepare`], [`drive::Collector::configure`], [`drive::Collector::run`] |
//! | all three, read once | [`drive::Watched`] |
//! | to ask SQL, to wait for rows or a value | [`api::Api::sql`], [`api::Api::rows_of`], [`api::Api::integer_is`], [`drive::watched`] |
//! | to wait for any condition | [`wait::until`] |
//! | replicas, or three backends behind HAProxy on S3 | [`drive::replicas`], [`drive::Cluster`] |
//! | cut networks, full disks, clocks that jump, bad lines | [`harm`] |
//! | proof that nothing acknowledged is lost or doubled | [`judge::Shipper`], [`judge::SpoolWatch`], [`drive::watched::judge`] |
//! | a large fleet | [`fleet`] |
//!
//! Rooms, from bottom to top; each uses only rooms below it: `wait`, `machine` · `api`, `harm` · `servers` · `drive`, `judge`, `fleet`, `workload`.

pub mod api;
pub mod drive;
pub mod fleet;
pub mod harm;
pub mod judge;
pub mod machine;
pub mod servers;
pub mod wait;
pub mod workload;
