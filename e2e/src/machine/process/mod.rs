//! Child processes that never outlive their owner. Dropping a [`Process`] ends the child. If the owner is killed, the kernel ends the child
//! (`setpriv --pdeathsig`, Linux). If the owner is root, a child can run as another user: PostgreSQL refuses to run as root.
//!
//! Uses `namespace`. Used by every room that starts a program.

mod child;
mod run;
mod spawner;
mod spec;

pub use child::Process;
pub use run::{UNPRIVILEGED, is_root, run};
pub use rustix::process::Signal;
pub(crate) use spawner::start_spawner;
pub use spec::Spec;
