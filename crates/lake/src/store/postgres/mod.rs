//! History in the meta store's PostgreSQL, for who has no object store: an [`object_store::ObjectStore`] over two tables.
//!
//! An object is a row of `objects` and its content in rows of `object_pieces`, [`pieces::PIECE`] bytes each but the last, so that a range is read
//! without the rest. An object is written in one transaction, in parts too: it appears whole with the commit, or never.

mod objects;
mod pieces;
mod upload;

pub(crate) use objects::Objects;
