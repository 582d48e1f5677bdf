//! The query of texts from `pg_stat_statements`.

use std::fmt::Write as _;

use crate::delta::rows::TEXT_CAP;

/// The largest number of bytes of texts in one reading.
pub(super) const BUDGET: usize = 4 << 20;

/// A list of ids as an array literal.
pub(super) fn array(ids: &[i64]) -> String {
    let mut list = String::with_capacity(ids.len() * 21);
    for (i, id) in ids.iter().enumerate() {
        let _ = write!(list, "{}{id}", if i > 0 { "," } else { "" });
    }
    format!("'{{{list}}}'::pg_catalog.int8[]")
}

/// Id, text and length of each entry with one of the ids, in the server's order. When the budget is used up, the other texts are null. The
/// first text always fits.
///
/// Neither a sort nor a window holds the texts: `offset 0` keeps the cut in front of both, and the running sum needs one row at a time. Only the
/// function itself holds all texts of the server.
pub(super) fn query(schema: &str, ids: &[i64]) -> String {
    format!(
        "select t.queryid, case when t.running - t.part < {BUDGET} then t.query end, t.bytes \
         from (select s.queryid, s.query, s.bytes, least(s.bytes, {TEXT_CAP}) as part, \
                      pg_catalog.sum(least(s.bytes, {TEXT_CAP})) over (rows unbounded preceding) as running \
               from (select p.queryid, pg_catalog.left(p.query, {TEXT_CAP}) as query, pg_catalog.octet_length(p.query) as bytes \
                     from {schema}.pg_stat_statements(true) as p \
                     where p.queryid = any({}) offset 0) as s) as t",
        array(ids)
    )
}
