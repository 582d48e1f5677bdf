//! Follows a collection: its state, then every change.
//!
//! # How
//! A list gives the state and its resource version. A watch from that version gives each change as a line of JSON. The API ends a watch
//! after a few minutes, which is not a failure: the next watch continues from the last version. Bookmarks keep that version recent while
//! nothing changes. If the API has forgotten the version (410), or a line cannot be parsed, the collection is listed again: the caller gets
//! the whole state and finds the removed objects itself.
//!
//! Each failed attempt is returned to the caller. The next call waits first, longer after each failure.

mod follow;
mod open;
#[cfg(test)]
mod tests;

pub use follow::{Event, Watch};
