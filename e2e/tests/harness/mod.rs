//! The harness itself: what the other tests rely on.

mod postgres;
mod stores;
