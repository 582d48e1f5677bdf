//! DataFusion's errors as a reader of SQL needs them: what kind, where, and what to do.

use ::parquet::errors::ParquetError;
use arrow::error::ArrowError;
use datafusion::common::{Diagnostic, SchemaError};
use datafusion::error::DataFusionError;

use super::question::{Position, QueryError, QueryErrorKind};
use crate::model::Shapes;

/// DataFusion's words where queries have put more on disk than they may: it has no kind of error for that.
const SPILLED_TOO_MUCH: &str = "during the spilling process has exceeded the allowable limit";
/// Names less alike than this are no hint.
const LIKENESS: f64 = 0.7;
/// Names in a hint that lists what there is.
const LISTED: usize = 12;

/// What an error means.
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
            let hint = "aggregate more coarsely, ask for a shorter time, or add a limit; or try again when fewer queries run";
            (
                format!("the query needs more memory or disk than queries may take (--query-memory, --spill-disk): {}", exhausted(root)),
                Some(hint.to_owned()),
            )
        }
        _ => (root.message().into_owned(), None),
    };
    // DataFusion puts its call stack below where it was built with one.
    let message = message.split("\n\nbacktrace:").next().unwrap_or_default().trim().to_owned();
    let position = diagnostic(error).or_else(|| written(&message));
    QueryError { kind: kind(root), message, position, hint }
}

/// The error that wrappers wrap.
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

/// Whether memory or the disk beside it did not suffice.
fn is_exhausted(root: &DataFusionError) -> bool {
    matches!(root, DataFusionError::ResourcesExhausted(_)) || root.message().contains(SPILLED_TOO_MUCH)
}

/// What did not suffice, without the names of DataFusion's own settings.
fn exhausted(root: &DataFusionError) -> String {
    let message = root.message();
    message.split(". Please try increasing").next().unwrap_or_default().to_owned()
}

/// Whether an error comes from reading files rather than from the question.
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

/// The table that DataFusion did not find, without the catalog it looked in.
fn missing_table(message: &str) -> Option<&str> {
    let rest = message.strip_prefix("table '")?;
    let name = rest.split_once("' not found")?.0;
    Some(name.strip_prefix("pganalytics.public.").unwrap_or(name))
}

/// The known name most like the one that was written, or else what there is.
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

/// The place that the planner noted.
fn diagnostic(error: &DataFusionError) -> Option<Position> {
    let Diagnostic { span, notes, .. } = error.diagnostic()?;
    let span = span.or_else(|| notes.iter().find_map(|note| note.span))?;
    Some(Position { line: span.start.line, column: span.start.column }).filter(|position| position.line > 0)
}

/// The place that the parser wrote into its message: `… at Line: 1, Column: 8`.
fn written(message: &str) -> Option<Position> {
    let number = |after: &str| {
        let digits = message.rsplit_once(after)?.1;
        digits.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
    };
    Some(Position { line: number("Line: ")?, column: number("Column: ")? })
}
