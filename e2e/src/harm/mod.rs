//! Faults that tests inject: networks that are cut, full disks, clocks that jump, slow and broken connections, lost answers.
//!
//! Uses `machine`. Used by `drive` (a backend on a host of a network) and the tests.

pub mod clock;
pub mod disk;
pub mod lossy_front;
pub mod network;
pub mod proxy;
