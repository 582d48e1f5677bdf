//! The simulated fleet and its judge: no row is lost or doubled through kill -9, and the judge finds each kind of defect.

mod defects;
mod kills;
mod world;
