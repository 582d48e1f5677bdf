//! Reads and checks one definition file.
//!
//! For: turning a file's text into a [`View`], or into the first error. Uses: the plain values of `definition`, TOML. Used by:
//! `definition`.

mod column;
mod mark;
mod query;
mod table;
mod template;

use std::time::Duration;

use super::column::Kind;
use super::column::{RESERVED_COLUMNS, Type};
use super::error::DefinitionError;
use super::mark::Mark;
use super::mark::Says;
use super::view::{Scope, Ship, Source, View};
use column::WrittenColumn;
use mark::WrittenMark;
use table::Table;

const KEYS: &[&str] = &[
    "name",
    "summary",
    "scope",
    "source",
    "interval",
    "timeout",
    "ship",
    "refresh",
    "max_rows",
    "extension",
    "privilege",
    "reset",
    "restarts_with",
    "keep",
    "columns",
    "marks",
    "sql",
];

/// Rows that are read by default.
const DEFAULT_MAX_ROWS: i64 = 10_000;

/// Parses and checks one definition.
///
/// # Errors
/// The first error, with the file, the key and the remedy.
pub fn parse(file: &str, text: &str) -> Result<View, DefinitionError> {
    let content: toml::Table = text.parse().map_err(|error: toml::de::Error| DefinitionError {
        file: file.into(),
        key: "(file)".into(),
        problem: format!("is not TOML: {}", error.to_string().trim().replace('\n', " ")),
        remedy: "correct the line it names".into(),
    })?;
    let at = Table { file, path: String::new(), content: &content };
    at.only(KEYS)?;

    let name = at.identifier("name")?;
    let stem = file.rsplit('/').next().unwrap_or(file).trim_end_matches(".toml");
    if stem != name {
        return Err(at.error("name", format!("'{name}' differs from the file's name '{stem}'"), "use the same name for both"));
    }
    let scope = at.one_of("scope", None, &[("server", Scope::Server), ("database", Scope::Database), ("host", Scope::Host)])?;
    let source = at.one_of("source", Some(Source::Sql), &[("sql", Source::Sql), ("probe", Source::Probe)])?;
    let ship = at.one_of("ship", Some(Ship::Changed), &[("changed", Ship::Changed), ("always", Ship::Always)])?;
    let interval = at.duration("interval")?.ok_or_else(|| at.missing("interval", "give it, as in \"60s\""))?;
    let timeout = at.duration("timeout")?.unwrap_or(Duration::from_secs(5));
    let refresh = at.duration("refresh")?;
    let max_rows = max_rows(&at)?;

    let columns = at.tables("columns", column::read)?;
    check_names(&at, &columns)?;
    let restarts_with = counters(&at, "restarts_with", &at.strings("restarts_with")?, &columns)?;
    let keep = keep(&at, &columns)?;
    let (marks, selected) = marks(&at, &columns)?;
    let entries = at.tables("sql", query::read)?;
    let sql = query::build(&at, source, &selected, &entries)?;
    query::check_expressions(&at, &selected, &entries)?;

    let extension = at.string_opt("extension")?;
    if extension.is_none()
        && let Some(i) = sql.iter().position(|entry| entry.extension.is_some())
    {
        let remedy = "name the extension at the top of the file";
        return Err(at.error(&format!("sql[{i}].extension"), "but the view needs no extension".into(), remedy));
    }
    let reset = at.string_opt("reset")?;
    if let Some(reset) = &reset
        && !columns.iter().any(|written| written.column.name == *reset && written.column.r#type == Type::Timestamptz)
    {
        let problem = format!("'{reset}' is not a timestamptz column of this view");
        return Err(at.error("reset", problem, "name such a column, or remove the key"));
    }
    Ok(View {
        name,
        summary: at.string("summary")?,
        scope,
        source,
        interval,
        timeout,
        ship,
        refresh,
        max_rows,
        extension,
        privilege: at.string_opt("privilege")?,
        reset,
        restarts_with,
        keep,
        marks,
        columns: columns.into_iter().map(|written| written.column).collect(),
        sql,
        rollup: None,
    })
}

/// The counters of these names; `*` stands for all.
fn counters(at: &Table<'_>, key: &str, names: &[String], columns: &[WrittenColumn]) -> Result<Vec<String>, DefinitionError> {
    let all = columns.iter().map(|written| &written.column).filter(|column| column.kind == Kind::Counter);
    if names == ["*"] {
        return Ok(all.map(|column| column.name.clone()).collect());
    }
    match names.iter().find(|name| !all.clone().any(|column| column.name == **name)) {
        Some(name) => Err(at.error(key, format!("'{name}' is not a counter of this view"), "name counters, or [\"*\"] for all")),
        None => Ok(names.to_vec()),
    }
}

fn keep(at: &Table<'_>, columns: &[WrittenColumn]) -> Result<Vec<String>, DefinitionError> {
    let names = at.strings("keep")?;
    let numbers = |name: &String| {
        let column = columns.iter().map(|written| &written.column).find(|column| column.name == *name);
        column.is_some_and(|column| {
            matches!(column.kind, Kind::Counter | Kind::Gauge) && matches!(column.r#type, Type::Int8 | Type::Float8 | Type::Duration)
        })
    };
    match names.iter().find(|name| !numbers(name)) {
        Some(name) => Err(at.error("keep", format!("'{name}' is not a number of this view"), "name counters or gauges that are numbers")),
        None => Ok(names),
    }
}

/// The marks, and everything that the SQL selects: the columns and the marks.
fn marks(at: &Table<'_>, columns: &[WrittenColumn]) -> Result<(Vec<Mark>, Vec<WrittenColumn>), DefinitionError> {
    let marks = at.tables("marks", mark::read)?;
    let mut selected = columns.to_vec();
    selected.extend(marks.iter().map(|mark| mark.written.clone()));
    for (i, written) in selected.iter().enumerate().skip(columns.len()) {
        let name = &written.column.name;
        if selected.iter().take(i).any(|earlier| earlier.column.name == *name) {
            let key = format!("marks[{}].name", i - columns.len());
            return Err(at.error(&key, format!("'{name}' is declared twice"), "choose another name"));
        }
    }
    let mut read = Vec::new();
    for (i, mark) in marks.into_iter().map(WrittenMark::into_mark).enumerate() {
        if let Says::Parts { of, .. } = &mark.says {
            counters(at, &format!("marks[{i}].of"), of, columns)?;
        }
        read.push(mark);
    }
    Ok((read, selected))
}

fn max_rows(at: &Table<'_>) -> Result<usize, DefinitionError> {
    let rows = at.integer("max_rows")?.unwrap_or(DEFAULT_MAX_ROWS);
    let positive = usize::try_from(rows).ok().filter(|rows| *rows > 0);
    positive.ok_or_else(|| at.error("max_rows", format!("{rows} is not a number of rows"), "give a positive integer"))
}

fn check_names(at: &Table<'_>, columns: &[WrittenColumn]) -> Result<(), DefinitionError> {
    if columns.is_empty() {
        return Err(at.missing("columns", "add a [[columns]] table for each column"));
    }
    for (i, WrittenColumn { column, .. }) in columns.iter().enumerate() {
        let key = format!("columns[{i}].name");
        if RESERVED_COLUMNS.contains(&column.name.as_str()) {
            return Err(at.error(&key, format!("every table already has a column '{}'", column.name), "choose another name"));
        }
        if columns.iter().take(i).any(|earlier| earlier.column.name == column.name) {
            return Err(at.error(&key, format!("column '{}' is declared twice", column.name), "remove one of the two"));
        }
    }
    Ok(())
}
