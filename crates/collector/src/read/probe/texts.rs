//! `pg_stat_statements_text`: the text of each statement that was seen at work, once a day, without its literals.
//!
//! # Promise
//! - No text is asked for that is known already.
//! - Any call with texts makes the server load its whole file of texts, so the next reading waits [`PATIENCE`] times as long as
//!   the last one took.
//! - One reading brings at most [`BUDGET`] bytes; what is left waits for the next.

use std::collections::{BTreeSet, HashMap};
use std::fmt::Write as _;
use std::time::{Duration, Instant};

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Array, RecordBatch};
use pganalytics_views::View;

use crate::delta::rows::{Rows, Snapshot, TEXT_CAP};
use crate::read::redact;
use crate::read::session::{Session, SessionError, bytes};

/// 1 % of the server's time at most.
const PATIENCE: u32 = 100;
/// An error is seldom gone a minute later, and the reading is dear.
const AFTER_ERROR: Duration = Duration::from_secs(300);
/// Bytes of texts a reading.
const BUDGET: usize = 4 << 20;
/// Ids named by one query; a message of 100 kB.
const MAX_ASKED: usize = 5_000;
/// A statement still at work is told again after this, so that a history of a day has its texts.
const KNOWN_FOR_US: i64 = 24 * 3_600 * 1_000_000;
/// Ids remembered; beyond, all are forgotten, which costs one more telling.
const MAX_KNOWN: usize = 100_000;

/// What is known of a server's statements.
#[derive(Debug, Default)]
pub(crate) struct Texts {
    /// Until when each is known, microseconds.
    known: HashMap<i64, i64>,
    pending: BTreeSet<i64>,
    not_before: Option<Instant>,
}

impl Texts {
    /// Takes note of the statements in shipped rows.
    pub(crate) fn saw(&mut self, statements: &View, rows: &RecordBatch) {
        let Some(ids) = statements.columns.iter().position(|column| column.name == "queryid") else { return };
        // `ts`, `server` and `interval_ms` stand in front.
        let Some(ids) = rows.column(ids + 3).as_primitive_opt::<Int64Type>() else { return };
        let Some(ts) = rows.column(0).as_primitive_opt::<arrow_array::types::TimestampMicrosecondType>() else { return };
        for (row, id) in ids.iter().enumerate() {
            let Some(id) = id else { continue };
            if ts.is_valid(row) && self.known.get(&id).is_none_or(|until| *until <= ts.value(row)) && self.pending.len() < MAX_KNOWN {
                self.pending.insert(id);
            }
        }
    }

    /// Whether there is something to ask for, and its time has come.
    #[must_use]
    pub(crate) fn wants(&self, now: Instant) -> bool {
        !self.pending.is_empty() && self.not_before.is_none_or(|not_before| not_before <= now)
    }

    /// Asks for what is pending. `schema` is the extension's, quoted.
    ///
    /// # Errors
    /// What the server said.
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
            .read(&query, view.timeout, |row| {
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
                // Over the budget the ids behind the last one that came are left; all others have come or are gone.
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
                // The server reads all texts or none: where one cannot be converted to this database's encoding (SQL_ASCII
                // databases have such), the next try fails as well.
                self.not_before = self.not_before.max(Some(Instant::now() + AFTER_ERROR));
                Err(error)
            }
        }
    }
}

/// Texts in the order of their ids, until the budget is used up; the first always comes.
fn query(schema: &str, ids: &[i64]) -> String {
    let mut list = String::with_capacity(ids.len() * 21);
    for (i, id) in ids.iter().enumerate() {
        let _ = write!(list, "{}{id}", if i > 0 { "," } else { "" });
    }
    format!(
        "select t.queryid, left(t.query, {TEXT_CAP}), t.bytes, t.total \
         from (select s.queryid, s.query, s.bytes, \
                      sum(least(s.bytes, {TEXT_CAP})) over (order by s.queryid) as running, \
                      sum(least(s.bytes, {TEXT_CAP})) over () as total \
               from (select distinct on (p.queryid) p.queryid, p.query, octet_length(p.query) as bytes \
                     from {schema}.pg_stat_statements(true) as p \
                     where p.queryid = any('{{{list}}}'::int8[]) order by p.queryid) as s) as t \
         where t.running <= {BUDGET} order by t.queryid"
    )
}
