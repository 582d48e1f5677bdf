//! Faults that tests inject: cut networks, full and hanging disks, clocks that jump, slow and broken connections, lost answers. Faults of one server (kill,
//! freeze, read-only) are methods of that server.
//!
//! Uses `machine`. Used by `drive` (a backend on a host of a network) and the tests.

mod clock;
mod disk;
mod hanging_disk;
mod lossy_front;
pub mod network;
mod proxy;

pub use clock::Clock;
pub use disk::Disk;
pub use hanging_disk::HangingDisk;
pub use lossy_front::LossyFront;
pub use network::Network;
pub use proxy::{Line, Proxy};
