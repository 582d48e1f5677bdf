//! A collection and every change of it.
//!
//! # How
//! A list gives the state and its resource version; a watch from that version gives each change as a line of JSON. The API ends a watch
//! after a few minutes, which is no failure: the next goes on from the last version seen, which bookmarks keep fresh where nothing
//! changes. Where the API has forgotten that version (410), or a line was not understood, the collection is listed again: who follows
//! gets the whole state and finds out itself what is gone.
//!
//! A failure is handed to the caller, once a try; the next call waits first, longer each time.

mod follow;
mod open;
#[cfg(test)]
mod tests;

pub use follow::{Event, Watch};
