//! Faults: kills, cut networks, full disks, clocks that jump, slow stores, greedy queries. Nothing acknowledged is lost or doubled.

mod clocks;
mod consoles;
mod crashes;
mod cuts;
mod disks;
mod faults;
mod memory;
mod slow;
