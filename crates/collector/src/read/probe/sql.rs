//! The generic probe: any view whose definition has SQL.
//!
//! The definition's query is wrapped, so that only the columns of the server's version come, in the view's order, and never many
//! more rows than the view takes.

use std::time::Duration;

use pganalytics_views::View;

use crate::delta::rows::{Rows, Snapshot};
use crate::read::probe::extension::Installed;
use crate::read::session::{Session, SessionError, bytes};

/// A cut is counted up to this many times `max_rows`; what is beyond is not even read, so the count is "at least".
const COUNTED: usize = 2;
/// Room made for rows before the number of the last reading is known.
const FIRST_ROWS: usize = 64;

/// A view's query for one server.
#[derive(Debug, Clone)]
pub(crate) struct SqlProbe {
    query: String,
    /// For each column of the view, where it is in the answer.
    columns: Vec<Option<usize>>,
    rows: usize,
}

impl SqlProbe {
    /// `None` where the server's version does not have the view.
    #[must_use]
    pub(crate) fn new(view: &View, major: u32, installed: Option<&Installed>) -> Option<Self> {
        let major = view.major_for(major, installed.map(|installed| installed.version.as_str()))?;
        let sql = view.sql_for(major)?.trim_end().trim_end_matches(';');
        let schema = installed.map_or("", |installed| installed.schema.as_str());
        // One row more than is taken shows that there are more.
        let sql = sql.replace("{schema}", schema).replace("{limit}", &view.max_rows.saturating_add(1).to_string());
        let mut names = Vec::new();
        let columns = view
            .columns
            .iter()
            .map(|column| {
                column.is_in(major).then(|| {
                    names.push(format!("v.{}", column.name));
                    names.len() - 1
                })
            })
            .collect();
        let limit = view.max_rows.saturating_mul(COUNTED);
        let query = format!("select {} from (\n{sql}\n) as v limit {limit}", names.join(", "));
        Some(Self { query, columns, rows: FIRST_ROWS })
    }

    /// Reads the view.
    ///
    /// # Errors
    /// What the server said, or that it said nothing.
    pub(crate) async fn read(&mut self, session: &mut Session, view: &View, ts_us: i64) -> Result<(Snapshot, Duration), SessionError> {
        let mut rows = Rows::new(view, self.rows);
        let mut cut = 0;
        let columns = &self.columns;
        let took = session
            .read(&self.query, view.timeout, |row| {
                if rows.len() >= view.max_rows {
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
            tracing::debug!(view = view.name, cells = rows.unreadable(), "cells were not of their column's type and are null");
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
        let probe = SqlProbe::new(&view, 15, Some(&installed("\"Ext\"", "1.0"))).expect("there in 15");
        assert_eq!(probe.query, "select v.a, v.c from (\nselect a, c from \"Ext\".t\n) as v limit 20");
        assert_eq!(probe.columns, [Some(0), None, Some(1)]);
        let newer = SqlProbe::new(&view, 99, Some(&installed("e", "1.0"))).expect("there in any later one");
        assert_eq!(newer.columns, [Some(0), Some(1), Some(2)]);
    }
}
