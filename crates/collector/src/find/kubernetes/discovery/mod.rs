//! Keeps the targets in step with the pods.
//!
//! # How
//! One task a watched collection hands what it hears to a single loop, which alone knows the pods and owns the targets. What takes time
//! (Secrets, the handshake) is done beside it, one attempt a pod at a time; when it comes back, the loop looks whether the pod is still the
//! one that was intended.
//!
//! A pod's attempt that failed is made again later, longer each time; one that succeeded is made again every few minutes where its login
//! can change, and at once where the server refuses it. A pod where nobody listened yet is a target too, since a server that is down is to be
//! seen; it is asked again what it speaks until it has said so, and one that is no PostgreSQL is a target no more (`attempt`).
//!
//! What is known of one pod is in `found`.
//!
//! May use every other room of `find/kubernetes` but `examine`, and starts targets of `read`.
//! Used by `operate`, which starts it once.

mod attempt;
mod follow;
mod found;
mod hear;
mod known;
mod settle;
mod state;
#[cfg(test)]
mod tests;

pub(crate) use follow::run;
pub(crate) use known::Discovery;
