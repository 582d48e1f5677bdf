//! `pg_stat_statements_text`: the text of each statement that ran, once a day, without its literals.
//!
//! # Promise
//! - A text that is already known is not read again.
//! - Each reading of texts makes the server load its whole file of texts. So the next reading waits [`PATIENCE`] times as long as the last
//!   reading took.
//! - One reading returns at most [`BUDGET`] bytes. The remaining texts wait for the next reading.

use std::collections::{BTreeSet, HashMap};
use std::fmt::Write as _;
use std::time::{Duration, Instant};

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Array, RecordBatch};
use pganalytics_views::View;

use crate::delta::rows::{Rows, Snapshot, TEXT_CAP};
use crate::read::redact;
use crate::read::session::{AnswerSize, Session, SessionError, bytes};

/// The wait in multiples of a reading's duration, so that readings take at most 1 % of the server's time.
const PATIENCE: u32 = 100;
/// The wait after an error. An error seldom disappears within a minute, and a reading is expensive.
const AFTER_ERROR: Duration = Duration::from_secs(300);
/// The largest number of bytes of texts in one reading.
const BUDGET: usize = 4 << 20;
/// The largest number of ids in one query, which make a message of 100 kB.
const MAX_ASKED: usize = 5_000;
/// The text of a statement that still runs is shipped again after this time, so that each day of history has its texts.
const KNOWN_FOR_US: i64 = 24 * 3_600 * 1_000_000;
/// The largest number of remembered ids. Beyond it, all ids are forgotten, and their texts are shipped once more.
const MAX_KNOWN: usize = 100_000;

/// The ids of a server's statements: those with a known text, and those whose text is still to be read.
#[derive(Debug, Default)]
pub(crate) struct Texts {
    /// For each id, the time until which its text counts as known, in microseconds.
    known: HashMap<i64, i64>,
    pending: BTreeSet<i64>,
    not_before: Option<Instant>,
}

impl Texts {
    /// Records the statements of shipped rows.
    pub(crate) fn saw(&mut self, statements: &View, rows: &RecordBatch) {
        let Some(ids) = statements.columns.iter().position(|column| column.name == "queryid") else { return };
        // `ts`, `server` and `interval_ms` come before the view's columns.
        let Some(ids) = rows.column(ids + 3).as_primitive_opt::<Int64Type>() else { return };
        let Some(ts) = rows.column(0).as_primitive_opt::<arrow_array::types::TimestampMicrosecondType>() else { return };
        for (row, id) in ids.iter().enumerate() {
            let Some(id) = id else { continue };
            if ts.is_valid(row) && self.known.get(&id).is_none_or(|until| *until <= ts.value(row)) && self.pending.len() < MAX_KNOWN {
                self.pending.insert(id);
            }
        }
    }

    /// Whether texts are pending and the wait is over.
    #[must_use]
    pub(crate) fn wants(&self, now: Instant) -> bool {
        !self.pending.is_empty() && self.not_before.is_none_or(|not_before| not_before <= now)
    }

    /// Reads pending texts. `schema` is the extension's schema, quoted.
    ///
    /// # Errors
    /// The server's error.
    pub(crate) async fn read(
        &mut self,
        session: &mut Session,
        view: &View,
        schema: &str,
        ts_us: i64,
    ) -> Result<(Snapshot, Duration), SessionError> {
        let asked: Vec<i64> = self.pending.iter().copied().take(MAX_ASKED).collect();
        let query = query(schema, &asked);
        let mut rows = Rows::new(view, asked.len().min(64));
        let (mut last, mut total) = (None, 0_usize);
        let begun = Instant::now();
        let outcome = session
            .read_large(&query, view.timeout, &mut AnswerSize::default(), |row| {
                let number = |column| bytes(row, column).and_then(|bytes| std::str::from_utf8(bytes).ok()?.parse::<i64>().ok());
                let (Some(id), Some(text)) = (number(0), bytes(row, 1)) else { return };
                (last, total) = (Some(id), number(3).and_then(|total| usize::try_from(total).ok()).unwrap_or_default());
                let length = number(2).unwrap_or_default();
                let decoded = String::from_utf8_lossy(text);
                let redacted = redact::statement(&decoded);
                let cut = usize::try_from(length).is_ok_and(|length| length > text.len()) || redacted.as_str().len() > TEXT_CAP;
                for (column, definition) in view.columns.iter().enumerate() {
                    match definition.name.as_str() {
                        "queryid" => rows.set_int(column, Some(id)),
                        "query" => rows.set_text(column, Some(redacted.as_str())),
                        "query_bytes" => rows.set_int(column, Some(length)),
                        "cut" => rows.set_int(column, Some(i64::from(cut))),
                        _ => rows.set_int(column, None),
                    }
                }
                rows.end_row();
            })
            .await;
        self.not_before = Some(Instant::now() + begun.elapsed().saturating_mul(PATIENCE));
        match outcome {
            Ok(took) => {
                // Over the budget, the ids after the last returned one stay pending. All other ids were returned or no longer exist.
                let left = if total > BUDGET { last } else { None };
                let until = ts_us.saturating_add(KNOWN_FOR_US);
                if self.known.len() + asked.len() > MAX_KNOWN {
                    self.known.clear();
                }
                for id in asked.into_iter().filter(|id| left.is_none_or(|last| *id <= last)) {
                    self.pending.remove(&id);
                    self.known.insert(id, until);
                }
                Ok((rows.finish(ts_us, 0), took))
            }
            Err(error) => {
                // The server returns all texts or none. If one text cannot be converted to this database's encoding (texts of SQL_ASCII
                // databases may be such), the next try fails as well.
                self.not_before = self.not_before.max(Some(Instant::now() + AFTER_ERROR));
                Err(error)
            }
        }
    }
}

/// The query of texts in the order of their ids, until the budget is used up. The first text always fits.
fn query(schema: &str, ids: &[i64]) -> String {
    let mut list = String::with_capacity(ids.len() * 21);
    for (i, id) in ids.iter().enumerate() {
        let _ = write!(list, "{}{id}", if i > 0 { "," } else { "" });
    }
    format!(
        "select t.queryid, pg_catalog.left(t.query, {TEXT_CAP}), t.bytes, t.total \
         from (select s.queryid, s.query, s.bytes, \
                      pg_catalog.sum(least(s.bytes, {TEXT_CAP})) over (order by s.queryid) as running, \
                      pg_catalog.sum(least(s.bytes, {TEXT_CAP})) over () as total \
               from (select distinct on (p.queryid) p.queryid, p.query, pg_catalog.octet_length(p.query) as bytes \
                     from {schema}.pg_stat_statements(true) as p \
                     where p.queryid = any('{{{list}}}'::pg_catalog.int8[]) order by p.queryid) as s) as t \
         where t.running <= {BUDGET} order by t.queryid"
    )
}
