//! Entries as JSON: PostgreSQL's own `jsonlog` (15 and later), and what CloudNativePG's instance manager makes of `csvlog`.

use std::borrow::Cow;

use serde::Deserialize;

use super::entry::{Entry, known};

/// A line: the keys of `jsonlog`, or an envelope around those of `csvlog`.
#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow, default)]
    logger: Cow<'a, str>,
    #[serde(borrow)]
    record: Option<Record<'a>>,
    #[serde(flatten, borrow)]
    own: Record<'a>,
}

/// An entry; the names are those of `jsonlog`, beside them those of the documentation's table for `csvlog`.
#[derive(Deserialize)]
struct Record<'a> {
    #[serde(borrow, default, alias = "database_name")]
    dbname: Cow<'a, str>,
    #[serde(borrow, default, alias = "user_name")]
    user: Cow<'a, str>,
    #[serde(borrow, default)]
    application_name: Cow<'a, str>,
    #[serde(borrow, default)]
    backend_type: Cow<'a, str>,
    #[serde(borrow, default)]
    error_severity: Cow<'a, str>,
    #[serde(borrow, default, alias = "sql_state_code")]
    state_code: Cow<'a, str>,
    #[serde(borrow, default)]
    message: Cow<'a, str>,
}

pub(super) fn parse(line: &str) -> Option<Entry> {
    let line: Line<'_> = serde_json::from_str(line).ok()?;
    let record = match line.record {
        Some(record) if line.logger == "postgres" => record,
        // Of the instance manager itself, or of an extension that writes for itself.
        Some(_) => return None,
        None => line.own,
    };
    if record.error_severity.is_empty() {
        return None;
    }
    let entry = Entry {
        database: known(&record.dbname),
        user: known(&record.user),
        application: known(&record.application_name),
        backend_type: known(&record.backend_type),
        sqlstate: known(&record.state_code),
        ..Entry::default()
    };
    entry.says(&record.error_severity, &record.message)
}
