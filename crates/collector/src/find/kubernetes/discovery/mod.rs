//! Keeps the targets in step with the pods.
//!
//! # How
//! One task per watched collection forwards events to a single loop, which alone holds the pods and owns the targets. Slow work (Secrets,
//! the handshake) runs in separate tasks, one attempt per pod at a time. When an attempt ends, the loop checks whether the pod is still the
//! one that the attempt was for.
//!
//! A failed attempt is repeated after a wait that grows each time. A successful attempt is repeated every few minutes, and at once if the
//! server refuses the login. A pod where nothing listens yet becomes a target too, so that a server that is down is visible. Such a pod is
//! asked again until it answers; if it is not PostgreSQL, its target ends (`attempt`).
//!
//! `found` holds the state of one pod.
//!
//! May use every other room of `find/kubernetes` but `examine`, and starts targets of `read`.
//! Used by `operate`, which starts it once.

mod attempt;
mod events;
mod follow;
mod found;
mod known;
mod settle;
mod state;
#[cfg(test)]
mod tests;

pub(crate) use follow::run;
pub(crate) use known::Discovery;
