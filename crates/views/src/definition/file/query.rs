//! Reads `[[sql]]`, and builds the SQL of each version from queries and columns.
//!
//! A query with `{columns}` is a template. It yields one [`Sql`] for each range of versions in which its text is the same: a new range
//! begins where a column comes or goes, an expression changes, or a `{from N}` line begins. A query without `{columns}` is taken as
//! written.

use std::collections::BTreeSet;

use super::super::column::{Column, OLDEST_VERSION};
use super::super::error::DefinitionError;
use super::super::view::{Source, Sql};
use super::column::WrittenColumn;
use super::table::Table;
use super::template::{Template, words};

const KEYS: &[&str] = &["from", "extension", "query"];

/// One `[[sql]]` table.
pub(super) struct WrittenSql {
    from: u32,
    extension: Option<String>,
    query: Option<String>,
}

pub(super) fn read(at: &Table<'_>) -> Result<WrittenSql, DefinitionError> {
    at.only(KEYS)?;
    let from = at.version("from")?.ok_or_else(|| at.missing("from", "give the first major version the query is for"))?;
    let query = at.string_opt("query")?.map(|query| query.trim().to_owned());
    Ok(WrittenSql { from, extension: at.string_opt("extension")?, query })
}

/// The SQL of all versions, in order.
pub(super) fn build(
    at: &Table<'_>,
    source: Source,
    columns: &[WrittenColumn],
    entries: &[WrittenSql],
) -> Result<Vec<Sql>, DefinitionError> {
    match source {
        Source::Probe if entries.is_empty() => return Ok(Vec::new()),
        Source::Probe => return Err(at.error("sql", "a probe has no SQL".into(), "remove it, or write source = \"sql\"")),
        Source::Sql if entries.is_empty() => return Err(at.missing("sql", "add a [[sql]] table with 'from' and 'query'")),
        Source::Sql => {}
    }
    let mut built = Vec::new();
    let mut last: Option<Template> = None;
    for (i, entry) in entries.iter().enumerate() {
        let key = format!("sql[{i}].query");
        let next = entries.get(i + 1).map_or(u32::MAX, |entry| entry.from);
        if next <= entry.from {
            return Err(at.error(&format!("sql[{}].from", i + 1), format!("{next} is not after {}", entry.from), "order them by version"));
        }
        let template = match (&entry.query, last) {
            (Some(query), _) => Template::parse(query).map_err(|problem| {
                at.error(&key, problem, "write {columns} for all columns, {from 16} in front of a line for version 16 and later")
            })?,
            (None, Some(template)) if template.lists_columns() => template,
            (None, _) => return Err(at.missing(&key, "give it, or write {columns} in the query before")),
        };
        check_text(at, &key, &template)?;
        if template.lists_columns() {
            let versions = versions(&template, columns, entry.from, next);
            if let (Some(_), Some(version)) = (&entry.extension, versions.iter().nth(1)) {
                let problem = format!("the query changes with version {version}, inside this entry's versions");
                let remedy = format!("add a [[sql]] entry with from = {version} and its version of the extension");
                return Err(at.error(&format!("sql[{i}]"), problem, &remedy));
            }
            for from in versions {
                let (query, listed) = template.render(from, columns);
                built.push(Sql { from, extension: entry.extension.clone(), query, listed });
            }
        } else {
            check_columns(at, i, entry.from..next, &template, columns)?;
            built.push(Sql { from: entry.from, extension: entry.extension.clone(), query: template.text().to_owned(), listed: Vec::new() });
        }
        last = Some(template);
    }
    Ok(built)
}

/// The versions of an entry at which its text changes, its first version included.
fn versions(template: &Template, columns: &[WrittenColumn], from: u32, next: u32) -> BTreeSet<u32> {
    let of_columns = columns.iter().flat_map(|written| {
        let Column { from, until, .. } = written.column;
        [Some(from), until].into_iter().flatten().chain(written.expressions.keys().copied())
    });
    let inside = of_columns.chain(template.line_versions()).filter(|version| from < *version && *version < next);
    inside.chain([from]).collect()
}

fn check_text(at: &Table<'_>, key: &str, template: &Template) -> Result<(), DefinitionError> {
    if !words(template.text()).any(|word| word.eq_ignore_ascii_case("select")) {
        return Err(at.error(key, "is not a SELECT".into(), "write one select with explicit columns"));
    }
    if template.text().split_whitespace().collect::<Vec<_>>().join(" ").to_ascii_lowercase().contains("select *") {
        return Err(at.error(key, "selects *".into(), "name the columns"));
    }
    Ok(())
}

/// Checks a query that names its columns itself: it names every column of its versions, and no column comes or goes between two entries.
fn check_columns(
    at: &Table<'_>,
    i: usize,
    versions: std::ops::Range<u32>,
    template: &Template,
    columns: &[WrittenColumn],
) -> Result<(), DefinitionError> {
    for WrittenColumn { column, expressions } in columns {
        let inside = |version: &u32| versions.start < *version && versions.contains(version);
        if let Some(version) = [Some(column.from), column.until].into_iter().flatten().find(inside) {
            let problem = format!("column '{}' comes or goes with version {version}, inside this entry's versions", column.name);
            return Err(at.error(&format!("sql[{i}]"), problem, &format!("add a [[sql]] entry with from = {version}")));
        }
        let key = format!("sql[{i}].query");
        if !expressions.is_empty() {
            let problem = format!("does not use the SQL of column '{}'", column.name);
            return Err(at.error(&key, problem, "write {columns} in it, or remove the column's sql"));
        }
        if column.is_in(versions.start) && !words(template.text()).any(|word| word == column.name) {
            let problem = format!("does not name column '{}'", column.name);
            return Err(at.error(&key, problem, "select it, or say with from/until which versions have it"));
        }
    }
    Ok(())
}

/// Checks that every column has an expression for each version it is in, if it has any.
pub(super) fn check_expressions(at: &Table<'_>, columns: &[WrittenColumn], entries: &[WrittenSql]) -> Result<(), DefinitionError> {
    let oldest = entries.first().map_or(OLDEST_VERSION, |entry| entry.from);
    for (i, WrittenColumn { column, expressions }) in columns.iter().enumerate() {
        let needed = column.from.max(oldest);
        if expressions.keys().next().is_some_and(|first| *first > needed) {
            let problem = format!("has no expression for version {needed}");
            return Err(at.error(&format!("columns[{i}].sql"), problem, &format!("add {needed} = \"…\"")));
        }
    }
    Ok(())
}
