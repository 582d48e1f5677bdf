//! A question's way: from its text to the rows of its answer.
//! Uses: everything below it: `present`, `parquet`, `rollup`, `meta`, `model`; never `maintain` or `write`.
//! Used by: `lake`.

pub(crate) mod answers;
pub(crate) mod dictionary;
pub(crate) mod engine;
pub(crate) mod failure;
pub(crate) mod functions;
pub(crate) mod question;
pub(crate) mod recent;
pub(crate) mod spill;
pub(crate) mod table;
