//! The generic probe, for every view whose definition has SQL.
//!
//! The definition's query is wrapped, so that it returns only the columns and marks of the server's version, in the view's order. More rows are
//! read than the view's `max_rows`, since the delta engine keeps those that matter; [`READ`] bounds them.

use std::collections::BTreeSet;

use pganalytics_views::{Sql, Type, View};

use crate::delta::rows::{Rows, Snapshot};
use crate::read::probe::extension::Installed;
use crate::read::probe::took::{MADE_AFTER, Made, Took};
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
    /// The position of [`MADE_AFTER`].
    made_after: usize,
    /// The largest number of rows that are read.
    limit: usize,
    rows: usize,
    size: AnswerSize,
}

/// The largest number of rows of a view that are read.
fn limit(view: &View) -> usize {
    view.max_rows.saturating_mul(READ_PER_ROW).clamp(READ_ALWAYS, READ).max(view.max_rows)
}

/// The query with null instead of the refused columns.
fn nulled(view: &View, sql: &Sql, refused: &BTreeSet<usize>) -> String {
    let mut text = sql.query.clone();
    // From the last one to the first one, so that the places before stay right.
    for listed in sql.listed.iter().rev().filter(|listed| refused.contains(&listed.column)) {
        if let Some(column) = view.columns.iter().chain(view.marks.iter().map(|mark| &mark.column)).nth(listed.column) {
            let r#type = match column.r#type {
                Type::Bool => "bool",
                Type::Int8 => "int8",
                Type::Float8 | Type::Duration => "float8",
                Type::Text => "text",
                Type::Timestamptz => "timestamptz",
            };
            text.replace_range(listed.place.clone(), &format!("null::pg_catalog.{} as {}", r#type, column.name));
        }
    }
    text
}

impl SqlProbe {
    /// Makes the query. `None` if the server's version does not have the view.
    #[must_use]
    pub(crate) fn new(view: &View, major: u32, installed: Option<&Installed>) -> Option<Self> {
        Self::without(view, major, installed, &BTreeSet::new())
    }

    /// The same with null instead of the refused columns. Columns are counted with the marks behind them.
    #[must_use]
    pub(crate) fn without(view: &View, major: u32, installed: Option<&Installed>, refused: &BTreeSet<usize>) -> Option<Self> {
        let major = view.major_for(major, installed.map(|installed| installed.version.as_str()))?;
        let sql = nulled(view, view.entry_for(major)?, refused);
        let sql = sql.trim_end().trim_end_matches(';');
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
        let query = format!("select {}, {MADE_AFTER} from (\n{sql}\n) as v limit {more}", names.join(", "));
        let made_after = names.len();
        Some(Self { query, columns, made_after, limit, rows: FIRST_ROWS, size: AnswerSize::default() })
    }

    /// Runs the query and ignores its rows.
    ///
    /// # Errors
    /// The server's error, or a time-out.
    pub(crate) async fn try_out(&self, session: &mut Session, view: &View) -> Result<(), SessionError> {
        session.read_large(&self.query, view.timeout, &mut self.size.clone(), |_| {}).await.map(|_| ())
    }

    /// Reads the view.
    ///
    /// # Errors
    /// The server's error, or a time-out.
    pub(crate) async fn read(&mut self, session: &mut Session, view: &View, ts_us: i64) -> Result<(Snapshot, Took), SessionError> {
        let mut rows = Rows::new(view, self.rows);
        let (mut cut, mut made) = (0, Made::default());
        let (columns, limit, made_after) = (&self.columns, self.limit, self.made_after);
        let whole = session
            .read_large(&self.query, view.timeout, &mut self.size, |row| {
                if let Some(ms) = bytes(row, made_after).and_then(|ms| std::str::from_utf8(ms).ok()?.parse().ok()) {
                    made.row(ms);
                }
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
        Ok((rows.finish(ts_us, cut), Took { whole, made: made.total() }))
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
        assert_eq!(probe.query, format!("select v.a, v.c, {MADE_AFTER} from (\nselect a, c from \"Ext\".t\n) as v limit 10001"));
        assert_eq!(probe.made_after, 2);
        assert_eq!(probe.columns, [Some(0), None, Some(1)]);
        let newer = SqlProbe::new(&view, 99, Some(&installed("e", "1.0"))).expect("the view has SQL for every later version");
        assert_eq!(newer.columns, [Some(0), Some(1), Some(2)]);
    }

    #[test]
    fn a_refused_column_is_null_in_the_query_and_the_others_stay() {
        let view =
            pganalytics_views::ViewSet::builtin().expect("the built-in views").get("pg_stat_wal").expect("the view").as_ref().clone();
        let position = view.columns.iter().position(|column| column.name == "position").expect("a column");
        let probe = SqlProbe::without(&view, 14, None, &BTreeSet::from([position])).expect("there in 14");
        let whole = SqlProbe::new(&view, 14, None).expect("there in 14");
        assert!(whole.query.contains("pg_current_wal_lsn"));
        assert!(
            !probe.query.contains("pg_current_wal_lsn") && probe.query.contains("null::pg_catalog.int8 as position"),
            "{}",
            probe.query
        );
        assert_eq!(probe.columns, whole.columns);
        // Every other line is the same.
        let differ = probe.query.lines().zip(whole.query.lines()).filter(|(one, other)| one != other).count();
        assert_eq!((differ, probe.query.lines().count()), (1, whole.query.lines().count()), "{}", probe.query);
    }
}
