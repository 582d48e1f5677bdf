//! The history in the PostgreSQL of the meta store, for installations without an object store: an [`object_store::ObjectStore`] over two
//! tables.
//!
//! An object is a row of `objects`; its content is in rows of `object_pieces`, each of [`pieces::PIECE`] bytes except the last, so that a
//! range can be read without the rest. An object is written in one transaction, also when uploaded in parts: it appears whole with the
//! commit, or not at all.

mod objects;
mod pieces;
mod upload;

pub(crate) use objects::Objects;
