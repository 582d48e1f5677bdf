//! `pg_stat_statements_text`: the text of each statement that ran, once a day, without its literals.
//!
//! # Promise
//! - A text that is already known is not read again.
//! - Each reading of texts makes the server load its whole file of texts. So the next reading waits [`PATIENCE`] times as long as the last
//!   reading took.
//! - One reading returns at most [`BUDGET`](query::BUDGET) bytes. The remaining texts wait for the next reading.
//! - A reading writes no temporary files on the server (`memory`).
//! - If `pg_stat_statements` cannot return its texts, the texts of running statements are read from `pg_stat_activity` (`running`). Its texts
//!   may be too large, or one of them may have a character that the database's encoding lacks: the server returns all texts or none.

mod memory;
mod query;
mod running;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::time::{Duration, Instant};

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Array, RecordBatch};
use pganalytics_views::View;

use crate::delta::rows::{Rows, Snapshot, TEXT_CAP};
use crate::read::redact::{self, Redacted};
use crate::read::session::{AnswerSize, Session, SessionError, bytes};
use memory::Memory;

/// The wait in multiples of a reading's duration, so that readings take at most 1 % of the server's time.
const PATIENCE: u32 = 100;
/// The wait after an error. An error seldom disappears within a minute, and a reading is expensive.
const AFTER_ERROR: Duration = Duration::from_secs(300);
/// The wait after a text that the database's encoding lacks. Each try adds an error to the server's log.
const AFTER_UNTRANSLATABLE: Duration = Duration::from_secs(3_600);
/// The wait after a reading of texts that did not fit into the memory.
const AFTER_TOO_LARGE: Duration = Duration::from_secs(24 * 3_600);
/// The largest number of ids in one query, which make a message of 100 kB.
const MAX_ASKED: usize = 5_000;
/// The text of a statement that still runs is shipped again after this time, so that each day of history has its texts.
const KNOWN_FOR_US: i64 = 24 * 3_600 * 1_000_000;
/// The largest number of remembered ids. Beyond it, all ids are forgotten, and their texts are shipped once more.
const MAX_KNOWN: usize = 100_000;
/// SQLSTATEs of a text that the database's encoding cannot represent.
const UNTRANSLATABLE: [&str; 2] = ["22021", "22P05"];

/// The ids of a server's statements: those with a known text, and those whose text is still to be read.
#[derive(Debug, Default)]
pub(crate) struct Texts {
    /// For each id, the time until which its text counts as known, in microseconds.
    known: HashMap<i64, i64>,
    pending: BTreeSet<i64>,
    not_before: Option<Instant>,
    /// Until when `pg_stat_statements` is not asked, and why.
    apart: Option<(Instant, String)>,
    memory: Option<Memory>,
    /// The database and the schema of the extension that was asked last.
    home: Option<String>,
}

/// The texts of one reading.
#[derive(Debug)]
pub(crate) struct ReadTexts {
    pub(crate) snapshot: Snapshot,
    pub(crate) took: Duration,
    /// Why the texts are those of running statements only.
    pub(crate) trouble: Option<String>,
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

    /// Says where the extension is read now. In another place, errors and memory are not known.
    pub(crate) fn at(&mut self, home: &str) {
        if self.home.as_deref() != Some(home) {
            (self.home, self.apart, self.memory) = (Some(home.into()), None, None);
        }
    }

    /// Forgets what was learned about the server's memory and errors, since another server answers.
    pub(crate) fn moved(&mut self) {
        self.home = None;
    }

    /// Reads pending texts. `schema` is the extension's schema, quoted.
    ///
    /// # Errors
    /// The server's error.
    pub(crate) async fn read(&mut self, session: &mut Session, view: &View, schema: &str, ts_us: i64) -> Result<ReadTexts, SessionError> {
        let asked: Vec<i64> = self.pending.iter().copied().take(MAX_ASKED).collect();
        let mut shipped = Shipped::new(view, asked.len());
        let mut begun = Instant::now();
        let (known, trouble) = match self.whole(session, view, schema, &asked, &mut shipped).await? {
            Ok(known) => (known, None),
            Err(why) => {
                // `apart` already makes the expensive reading wait. Sessions are read again soon, since their statements change.
                begun = Instant::now();
                let running = running::read(session, view.timeout, &asked).await?;
                for text in &running {
                    shipped.add(text.id, &text.text, text.length, text.cut);
                }
                (running.into_iter().map(|text| text.id).collect(), Some(why))
            }
        };
        let took = begun.elapsed();
        self.not_before = Some(Instant::now() + took.saturating_mul(PATIENCE));
        self.learn(known, ts_us);
        Ok(ReadTexts { snapshot: shipped.rows.finish(ts_us, 0), took, trouble })
    }

    /// Reads texts from `pg_stat_statements`. Returns the ids that need not be asked for again, or why the texts cannot be read from there.
    async fn whole(
        &mut self,
        session: &mut Session,
        view: &View,
        schema: &str,
        asked: &[i64],
        shipped: &mut Shipped<'_>,
    ) -> Result<Result<Vec<i64>, String>, SessionError> {
        if let Some((until, why)) = &self.apart
            && Instant::now() < *until
        {
            return Ok(Err(why.clone()));
        }
        let mut memory = match self.memory {
            Some(memory) => memory,
            None => Memory::of(session).await?,
        };
        let file = memory.file(session).await?;
        self.memory = Some(memory);
        if let Some(size) = file.filter(|size| *size > memory.fits()) {
            return Ok(Err(self.stay_apart(AFTER_ERROR, too_large(size, memory))));
        }
        let query = query::query(schema, asked);
        let (mut over, mut total) = (HashSet::new(), 0_u64);
        session.set_work_mem(Some(memory.work_mem_mb()));
        let outcome = session
            .read_large(&query, view.timeout, &mut AnswerSize::default(), |row| {
                let number = |column| bytes(row, column).and_then(|bytes| std::str::from_utf8(bytes).ok()?.parse::<i64>().ok());
                let (Some(id), length) = (number(0), number(2).unwrap_or_default()) else { return };
                total += u64::try_from(length).unwrap_or_default();
                match bytes(row, 1) {
                    Some(text) => {
                        let cut = usize::try_from(length).is_ok_and(|length| length > text.len());
                        shipped.add(id, &redact::statement(&running::decode(text)), length, cut);
                    }
                    None => {
                        over.insert(id);
                    }
                }
            })
            .await;
        session.set_work_mem(None);
        match outcome {
            Ok(_) => {
                if total > memory.fits() {
                    self.stay_apart(AFTER_TOO_LARGE, too_large(total, memory));
                }
                // An id without a text is over the budget, and is asked for again. All other ids were returned or no longer exist.
                let left = |id: &i64| over.contains(id) && !shipped.ids.contains(id);
                Ok(Ok(asked.iter().copied().filter(|id| !left(id)).collect()))
            }
            Err(error) if error.code().is_some_and(|code| UNTRANSLATABLE.contains(&code)) => {
                let why = format!(
                    "{error}: this database's encoding cannot show the text of every statement, so texts are read only from running \
                     sessions; run CREATE EXTENSION in a database with encoding UTF8, or remove the statement with pg_stat_statements_reset"
                );
                Ok(Err(self.stay_apart(AFTER_UNTRANSLATABLE, why)))
            }
            Err(error) if error.is_harmless() => Ok(Err(self.stay_apart(AFTER_ERROR, error.to_string()))),
            Err(error) => {
                self.stay_apart(AFTER_ERROR, error.to_string());
                Err(error)
            }
        }
    }

    fn stay_apart(&mut self, wait: Duration, why: String) -> String {
        self.apart = Some((Instant::now() + wait, why.clone()));
        why
    }

    fn learn(&mut self, ids: Vec<i64>, ts_us: i64) {
        let until = ts_us.saturating_add(KNOWN_FOR_US);
        if self.known.len() + ids.len() > MAX_KNOWN {
            self.known.clear();
        }
        for id in ids {
            self.pending.remove(&id);
            self.known.insert(id, until);
        }
    }
}

fn too_large(bytes: u64, memory: Memory) -> String {
    format!(
        "the statement texts take {} MB, and reading more than {} MB would make the server write temporary files: texts are read only from \
         running sessions; lower pg_stat_statements.max, or run pg_stat_statements_reset()",
        bytes >> 20,
        memory.fits() >> 20
    )
}

/// The rows of one reading, one for each id.
struct Shipped<'a> {
    view: &'a View,
    rows: Rows,
    ids: HashSet<i64>,
}

impl<'a> Shipped<'a> {
    fn new(view: &'a View, asked: usize) -> Self {
        Self { view, rows: Rows::new(view, asked.min(64)), ids: HashSet::new() }
    }

    /// Adds a text. The same statement of several databases or roles has several texts, of which the first is kept.
    fn add(&mut self, id: i64, text: &Redacted, length: i64, cut: bool) {
        if !self.ids.insert(id) {
            return;
        }
        for (column, definition) in self.view.columns.iter().enumerate() {
            match definition.name.as_str() {
                "queryid" => self.rows.set_int(column, Some(id)),
                "query" => self.rows.set_text(column, Some(text.as_str())),
                "query_bytes" => self.rows.set_int(column, Some(length)),
                "cut" => self.rows.set_int(column, Some(i64::from(cut || text.as_str().len() > TEXT_CAP))),
                _ => self.rows.set_int(column, None),
            }
        }
        self.rows.end_row();
    }
}
