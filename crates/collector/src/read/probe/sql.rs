//! The generic probe, for every view whose definition has SQL.
//!
//! The definition's query is wrapped, so that it returns only the columns and marks of the server's version, in the view's order. More rows are
//! read than the view's `max_rows`, since the delta engine keeps those that matter; [`READ`] bounds them.

use std::time::Duration;

use pganalytics_views::View;

use crate::delta::rows::{Rows, Snapshot};
use crate::read::probe::extension::Installed;
use crate::read::session::{AnswerSize, Session, SessionError, bytes};

/// Rows that are read for each row that is kept. The rows to keep are known only after the deltas.
const READ_PER_ROW: usize = 10;
/// The lower bound of the rows that are read, so that a small `max_rows` does not limit the choice.
const READ_ALWAYS: usize = 10_000;
/// The upper bound of the rows that are read, unless `max_rows` is larger. The delta engine remembers each row, which takes up to 50 MB.
const READ: usize = 100_000;
/// Rows for which memory is reserved before the first reading.
const FIRST_ROWS: usize = 64;

/// A view's query for one server.
#[derive(Debug, Clone)]
pub(crate) struct SqlProbe {
    query: String,
    /// For each column of the view, and then for each of its marks, its position in the answer.
    columns: Vec<Option<usize>>,
    /// The largest number of rows that are read.
    limit: usize,
    rows: usize,
    size: AnswerSize,
}

/// The largest number of rows of a view that are read.
fn limit(view: &View) -> usize {
    view.max_rows.saturating_mul(READ_PER_ROW).clamp(READ_ALWAYS, READ).max(view.max_rows)
}

impl SqlProbe {
    /// Makes the query. `None` if the server's version does not have the view.
    #[must_use]
    pub(crate) fn new(view: &View, major: u32, installed: Option<&Installed>) -> Option<Self> {
        let major = view.major_for(major, installed.map(|installed| installed.version.as_str()))?;
        let sql = view.sql_for(major)?.trim_end().trim_end_matches(';');
        let schema = installed.map_or("", |installed| installed.schema.as_str());
        // One additional row shows that there are more rows.
        let limit = limit(view);
        let more = limit.saturating_add(1);
        let sql = sql.replace("{schema}", schema).replace("{limit}", &more.to_string());
        let mut names = Vec::new();
        let columns = view
            .columns
            .iter()
            .chain(view.marks.iter().map(|mark| &mark.column))
            .map(|column| {
                column.is_in(major).then(|| {
                    names.push(format!("v.{}", column.name));
                    names.len() - 1
                })
            })
            .collect();
        let query = format!("select {} from (\n{sql}\n) as v limit {more}", names.join(", "));
        Some(Self { query, columns, limit, rows: FIRST_ROWS, size: AnswerSize::default() })
    }

    /// Reads the view.
    ///
    /// # Errors
    /// The server's error, or a time-out.
    pub(crate) async fn read(&mut self, session: &mut Session, view: &View, ts_us: i64) -> Result<(Snapshot, Duration), SessionError> {
        let mut rows = Rows::new(view, self.rows);
        let mut cut = 0;
        let (columns, limit) = (&self.columns, self.limit);
        let took = session
            .read_large(&self.query, view.timeout, &mut self.size, |row| {
                if rows.len() >= limit {
                    cut += 1;
                    return;
                }
                for (column, place) in columns.iter().enumerate() {
                    rows.set_text_format(column, place.and_then(|place| bytes(row, place)));
                }
                rows.end_row();
            })
            .await?;
        if rows.unreadable() > 0 {
            tracing::debug!(
                view = view.name,
                cells = rows.unreadable(),
                "cells whose values do not fit their column's type were replaced by null"
            );
        }
        self.rows = rows.len().max(1);
        Ok((rows.finish(ts_us, cut), took))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn installed(schema: &str, version: &str) -> Installed {
        Installed { schema: schema.into(), version: version.into() }
    }

    #[test]
    fn the_query_names_the_columns_of_the_version_in_the_views_order() {
        let text = "name='v'\nsummary='s'\nscope='server'\ninterval='1s'\nmax_rows=10\nextension='e'\n\
             [[columns]]\nname='a'\nkind='label'\ntype='int8'\nhelp='h'\n\
             [[columns]]\nname='b'\nkind='gauge'\ntype='int8'\nhelp='h'\nfrom=17\n\
             [[columns]]\nname='c'\nkind='gauge'\ntype='int8'\nhelp='h'\n\
             [[sql]]\nfrom=15\nquery='select a, c from {schema}.t;'\n[[sql]]\nfrom=17\nquery='select a, b, c from {schema}.t'";
        let view = pganalytics_views::parse("v.toml", text).expect("a view");
        assert!(SqlProbe::new(&view, 14, None).is_none());
        let probe = SqlProbe::new(&view, 15, Some(&installed("\"Ext\"", "1.0"))).expect("the view has SQL for 15");
        assert_eq!(probe.query, "select v.a, v.c from (\nselect a, c from \"Ext\".t\n) as v limit 10001");
        assert_eq!(probe.columns, [Some(0), None, Some(1)]);
        let newer = SqlProbe::new(&view, 99, Some(&installed("e", "1.0"))).expect("the view has SQL for every later version");
        assert_eq!(newer.columns, [Some(0), Some(1), Some(2)]);
    }
}
