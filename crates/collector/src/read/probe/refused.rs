//! Finds the columns that make a server refuse a view, so that the others are still read.
//!
//! A managed service, a fork or an administrator may refuse one function that one column calls. PostgreSQL then refuses the whole query. The
//! search reads the view with null instead of some columns, and halves the set of suspects until each refused column is known.

use std::collections::{BTreeMap, BTreeSet};

use pganalytics_views::{Kind, View};

use super::extension::Installed;
use super::sql::SqlProbe;
use crate::read::session::{Session, SessionError};

/// SQLSTATEs of a refused function or relation: no privilege, not supported, undefined function, column or table, not in this state.
const REFUSALS: [&str; 6] = ["42501", "0A000", "42883", "42703", "42P01", "55000"];
/// The largest number of queries in one search. Each one that fails adds an error to the server's log.
const TRIES: usize = 48;

/// Columns that a server refuses.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Refused {
    /// The error of each refused column. Columns are counted with the marks behind them.
    errors: BTreeMap<usize, String>,
}

/// Whether an error may concern some columns only.
pub(crate) fn is_refusal(error: &SessionError) -> bool {
    error.is_harmless() && error.code().is_some_and(|code| REFUSALS.contains(&code))
}

impl Refused {
    pub(crate) fn columns(&self) -> BTreeSet<usize> {
        self.errors.keys().copied().collect()
    }

    /// The names of the refused columns and why, as `a, b are null: permission denied …`. Empty if no column of the table is refused.
    pub(crate) fn why(&self, view: &View) -> String {
        let mut by_error: Vec<(&str, Vec<&str>)> = Vec::new();
        for (column, error) in &self.errors {
            let name = view.columns.get(*column).map_or("an internal column", |column| column.name.as_str());
            match by_error.iter_mut().find(|(known, _)| known == error) {
                Some((_, names)) => names.push(name),
                None => by_error.push((error, vec![name])),
            }
        }
        let text = |(error, names): (&str, Vec<&str>)| {
            format!("{} {} null: {error}", names.join(", "), if names.len() == 1 { "is" } else { "are" })
        };
        by_error.into_iter().map(text).collect::<Vec<_>>().join("; ")
    }

    /// The SQL of the refused columns.
    pub(crate) fn expressions<'a>(&self, view: &'a View, major: u32) -> Vec<&'a str> {
        let Some(sql) = view.entry_for(major) else { return Vec::new() };
        let listed = sql.listed.iter().filter(|listed| self.errors.contains_key(&listed.column));
        listed.filter_map(|listed| sql.query.get(listed.place.clone())).collect()
    }
}

/// The columns that may be null. Without a label that identifies it, a row would be another row.
fn suspects(view: &View, major: u32) -> Vec<usize> {
    let has_identity = view.columns.iter().any(|column| column.identity);
    let may_be_null = |at: usize| match view.columns.get(at) {
        Some(column) => column.kind != Kind::Label || (has_identity && !column.identity),
        None => true,
    };
    view.entry_for(major)
        .map(|sql| sql.listed.iter().map(|listed| listed.column).filter(|at| may_be_null(*at)).collect())
        .unwrap_or_default()
}

/// Finds the columns without which the server does not refuse the view. `None` if the server refuses the view without them as well.
///
/// # Errors
/// An error that is no refusal. Unless the error is harmless, the session must be dropped.
pub(crate) async fn search(session: &mut Session, view: &View, installed: Option<&Installed>) -> Result<Option<Refused>, SessionError> {
    let server = session.facts.major();
    let Some(major) = view.major_for(server, installed.map(|installed| installed.version.as_str())) else { return Ok(None) };
    let mut search = Search::new(suspects(view, major));
    while let Some(without) = search.next() {
        let Some(probe) = SqlProbe::without(view, server, installed, &without) else { return Ok(None) };
        match probe.try_out(session, view).await {
            Ok(()) => search.answered(None),
            Err(error) if is_refusal(&error) => search.answered(Some(error.to_string())),
            Err(error) => return Err(error),
        }
    }
    Ok(search.found())
}

/// The search, without the server.
struct Search {
    suspects: Vec<usize>,
    /// Sets of suspects to try out, while all other suspects are null. The last one is tried next.
    sets: Vec<Vec<usize>>,
    errors: BTreeMap<usize, String>,
    tries: usize,
    failed: bool,
}

impl Search {
    fn new(suspects: Vec<usize>) -> Self {
        // First without any suspect: the rest of the query may be refused too.
        Self { sets: vec![Vec::new()], suspects, errors: BTreeMap::new(), tries: 0, failed: false }
    }

    /// The columns that are null in the next try.
    fn next(&mut self) -> Option<BTreeSet<usize>> {
        if self.failed || self.suspects.is_empty() {
            return None;
        }
        let live = self.sets.last()?;
        Some(self.suspects.iter().copied().filter(|suspect| !live.contains(suspect)).collect())
    }

    /// Records the error of the last try, if it failed.
    fn answered(&mut self, error: Option<String>) {
        let Some(live) = self.sets.pop() else { return };
        self.tries += 1;
        match (error, live.as_slice()) {
            (None, []) => self.halve(&self.suspects.clone()),
            (None, _) => {}
            (Some(_), []) => self.failed = true,
            (Some(error), [one]) => {
                self.errors.insert(*one, error);
            }
            (Some(_), several) => self.halve(several),
        }
        self.failed |= self.tries >= TRIES && !self.sets.is_empty();
    }

    fn halve(&mut self, set: &[usize]) {
        let (one, other) = set.split_at(set.len() / 2);
        self.sets.extend([one, other].into_iter().filter(|half| !half.is_empty()).map(<[usize]>::to_vec));
    }

    fn found(self) -> Option<Refused> {
        (!self.failed && !self.errors.is_empty()).then_some(Refused { errors: self.errors })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs a search against a server that refuses these columns. Returns the columns that were found, and the number of failed tries.
    fn run(suspects: usize, refused: &[usize], base: bool) -> (Option<Vec<usize>>, usize) {
        let mut search = Search::new((0..suspects).collect());
        let mut failures = 0;
        while let Some(without) = search.next() {
            let fails = base || refused.iter().any(|column| !without.contains(column));
            failures += usize::from(fails);
            search.answered(fails.then(|| "permission denied".into()));
        }
        (search.found().map(|found| found.columns().into_iter().collect()), failures)
    }

    #[test]
    fn every_refused_column_is_found_with_few_errors_in_the_servers_log() {
        for suspects in 1..60 {
            for refused in 0..suspects {
                let (found, failures) = run(suspects, &[refused], false);
                assert_eq!(found, Some(vec![refused]));
                assert!(failures <= 6, "{failures} failures of {suspects}");
            }
        }
        assert_eq!(run(40, &[3, 17, 39], false).0, Some(vec![3, 17, 39]));
    }

    #[test]
    fn a_view_that_is_refused_as_a_whole_takes_one_try() {
        assert_eq!(run(40, &[], true), (None, 1));
        assert_eq!(run(0, &[], true), (None, 0));
    }

    #[test]
    fn the_key_of_a_row_is_no_suspect_and_the_reason_names_the_columns() {
        let view =
            pganalytics_views::ViewSet::builtin().expect("the built-in views").get("pg_database").expect("the view").as_ref().clone();
        let at = |name: &str| view.columns.iter().position(|column| column.name == name).expect("a column");
        let suspects = suspects(&view, 18);
        assert!(!suspects.contains(&at("datid")) && suspects.contains(&at("size")), "{suspects:?}");
        let refused = Refused { errors: BTreeMap::from([(at("size"), "no".into()), (at("owner"), "no".into())]) };
        assert!(["size, owner are null: no", "owner, size are null: no"].contains(&refused.why(&view).as_str()), "{}", refused.why(&view));
        assert!(refused.expressions(&view, 18).iter().any(|sql| sql.contains("pg_database_size(")));
    }
}
