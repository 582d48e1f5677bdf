//! Parses entries in JSON: PostgreSQL's own `jsonlog` (15 and later), and the form into which CloudNativePG's instance manager converts
//! `csvlog`.

use std::borrow::Cow;

use serde::Deserialize;

use super::entry::Entry;
use super::severity::{in_english, value};

/// The severity of an entry in a language that PostgreSQL 14 to 18 do not have.
const UNKNOWN: &str = "unknown";

/// A line: either the keys of `jsonlog`, or an envelope around the keys of `csvlog`.
#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow, default)]
    logger: Cow<'a, str>,
    #[serde(borrow)]
    record: Option<Record<'a>>,
    #[serde(flatten, borrow)]
    own: Record<'a>,
}

/// An entry. The names are those of `jsonlog`; the aliases are those in the documentation's table for `csvlog`.
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
        // A line of the instance manager itself, or of an extension with its own log.
        Some(_) => return None,
        None => line.own,
    };
    if record.error_severity.is_empty() {
        return None;
    }
    let entry = Entry {
        database: value(&record.dbname),
        user: value(&record.user),
        application: value(&record.application_name),
        backend_type: value(&record.backend_type),
        sqlstate: value(&record.state_code),
        ..Entry::default()
    };
    Some(entry.says(in_english(&record.error_severity).unwrap_or(UNKNOWN), &record.message))
}
