//! Turns DataFusion's errors into errors for the author of the SQL: kind, position and remedy.

use ::parquet::errors::ParquetError;
use arrow::error::ArrowError;
use datafusion::common::{Diagnostic, SchemaError};
use datafusion::error::DataFusionError;

use super::question::{Position, QueryError, QueryErrorKind};
use crate::model::Shapes;

/// The text of DataFusion's error if queries exceed their disk limit. DataFusion has no error kind for that.
const SPILLED_TOO_MUCH: &str = "during the spilling process has exceeded the allowable limit";
/// The least similarity of a name that a hint suggests.
const LIKENESS: f64 = 0.7;
/// The most names that a hint lists.
const LISTED: usize = 12;

/// Converts an error of DataFusion.
pub(crate) fn failure(error: &DataFusionError, shapes: &Shapes) -> QueryError {
    let root = root(error);
    let (message, hint) = match root {
        DataFusionError::SchemaError(schema, _) => match schema.as_ref() {
            SchemaError::FieldNotFound { field, valid_fields } => {
                let names = valid_fields.iter().map(|field| field.name.as_str());
                (format!("column '{}' does not exist", field.name()), Some(suggestion(field.name(), names, "columns here")))
            }
            _ => (root.message().into_owned(), None),
        },
        DataFusionError::Plan(message) => match missing_table(message) {
            Some(table) => {
                let names = shapes.iter().map(|shape| shape.name());
                (format!("table '{table}' does not exist"), Some(suggestion(table, names, "tables")))
            }
            None => (root.message().into_owned(), None),
        },
        _ if is_exhausted(root) => {
            let hint = "group by fewer values, query a shorter time range, or add a limit; or try again when fewer queries run";
            (
                format!("the query needs more memory or disk than queries may use (--query-memory, --spill-disk): {}", exhausted(root)),
                Some(hint.to_owned()),
            )
        }
        _ => (root.message().into_owned(), None),
    };
    // DataFusion appends its call stack if it was built with backtraces.
    let message = message.split("\n\nbacktrace:").next().unwrap_or_default().trim().to_owned();
    let message = own_words(&message).to_owned();
    let position = diagnostic(error).or_else(|| written(&message));
    QueryError { kind: kind(root), message, position, hint }
}

/// The reason that a function of the dialect gives for types that it does not take, without DataFusion's words around it.
fn own_words(message: &str) -> &str {
    let Some((_, reason)) = message.split_once("user-defined coercion failed with: Error during planning: ") else { return message };
    reason.split(". No function matches the given name").next().unwrap_or(reason)
}

/// The innermost error inside wrapping errors.
fn root(error: &DataFusionError) -> &DataFusionError {
    match error {
        DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => root(inner),
        DataFusionError::Shared(inner) => root(inner),
        DataFusionError::Collection(errors) => errors.first().map_or(error, root),
        DataFusionError::External(inner) => inner.downcast_ref().map_or(error, root),
        DataFusionError::ArrowError(arrow, _) => match arrow.as_ref() {
            ArrowError::ExternalError(inner) => inner.downcast_ref().map_or(error, root),
            _ => error,
        },
        _ => error,
    }
}

fn kind(root: &DataFusionError) -> QueryErrorKind {
    match root {
        DataFusionError::SQL(..) => QueryErrorKind::Syntax,
        DataFusionError::Plan(_)
        | DataFusionError::SchemaError(..)
        | DataFusionError::NotImplemented(_)
        | DataFusionError::Configuration(_) => QueryErrorKind::Plan,
        _ if is_exhausted(root) => QueryErrorKind::Memory,
        _ => QueryErrorKind::Execution,
    }
}

/// Whether the query ran out of memory or spill disk.
fn is_exhausted(root: &DataFusionError) -> bool {
    matches!(root, DataFusionError::ResourcesExhausted(_)) || root.message().contains(SPILLED_TOO_MUCH)
}

/// The message about the exhausted resource, without advice that names DataFusion's own settings.
fn exhausted(root: &DataFusionError) -> String {
    let message = root.message();
    message.split(". Please try increasing").next().unwrap_or_default().to_owned()
}

/// Whether an error comes from reading files rather than from the query.
pub(crate) fn is_reading(error: &DataFusionError) -> bool {
    match root(error) {
        root if is_exhausted(root) => false,
        DataFusionError::ParquetError(_) | DataFusionError::ObjectStore(_) | DataFusionError::IoError(_) => true,
        DataFusionError::External(inner) => inner.is::<ParquetError>() || inner.is::<object_store::Error>(),
        DataFusionError::ArrowError(arrow, _) => match arrow.as_ref() {
            ArrowError::ParquetError(_) | ArrowError::IoError(..) => true,
            ArrowError::ExternalError(inner) => inner.is::<ParquetError>() || inner.is::<object_store::Error>(),
            _ => false,
        },
        _ => false,
    }
}

/// The name of the table that DataFusion did not find, without its catalog and schema.
fn missing_table(message: &str) -> Option<&str> {
    let rest = message.strip_prefix("table '")?;
    let name = rest.split_once("' not found")?.0;
    Some(name.strip_prefix("pganalytics.public.").unwrap_or(name))
}

/// A hint: the known name most similar to `written`, or a list of the known names.
fn suggestion<'a>(written: &str, known: impl Iterator<Item = &'a str>, what: &str) -> String {
    let mut known: Vec<&str> = known.collect();
    known.sort_unstable();
    known.dedup();
    let likeness = |name: &str| strsim::jaro_winkler(&written.to_lowercase(), &name.to_lowercase());
    let nearest = known.iter().map(|name| (likeness(name), *name)).max_by(|a, b| a.0.total_cmp(&b.0));
    match nearest {
        Some((likeness, name)) if likeness >= LIKENESS => format!("did you mean '{name}'?"),
        Some(_) => {
            let more = if known.len() > LISTED { ", …" } else { "" };
            format!("the {what} are {}{more}", known.into_iter().take(LISTED).collect::<Vec<_>>().join(", "))
        }
        None => format!("there are no {what}"),
    }
}

/// The position that the planner recorded.
fn diagnostic(error: &DataFusionError) -> Option<Position> {
    let Diagnostic { span, notes, .. } = error.diagnostic()?;
    let span = span.or_else(|| notes.iter().find_map(|note| note.span))?;
    Some(Position { line: span.start.line, column: span.start.column }).filter(|position| position.line > 0)
}

/// The position in the parser's message: `… at Line: 1, Column: 8`.
fn written(message: &str) -> Option<Position> {
    let number = |after: &str| {
        let digits = message.rsplit_once(after)?.1;
        digits.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
    };
    Some(Position { line: number("Line: ")?, column: number("Column: ")? })
}
