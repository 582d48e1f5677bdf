//! `pganalytics.columns` and `pganalytics.tables`: descriptions of the tables and columns, readable with SQL.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringViewArray};
use arrow::datatypes::{DataType, Field, Schema};
use datafusion::catalog::{MemTable, MemorySchemaProvider, SchemaProvider};
use datafusion::error::Result;
use pganalytics_views::{INTERVAL_MS, Kind, SERVER, Scope, TS, Type};

use crate::model::Shapes;

/// The schema with both tables.
pub(crate) fn dictionary(shapes: &Shapes) -> Result<Arc<dyn SchemaProvider>> {
    let schema = MemorySchemaProvider::new();
    let tables = shapes.iter().map(|shape| {
        let view = &shape.view;
        [Some(view.name.clone()), Some(view.summary.clone()), Some(scope(view.scope).into()), Some(format!("{}s", view.interval.as_secs()))]
    });
    schema.register_table("tables".into(), texts(["table_name", "summary", "scope", "interval"], tables.collect())?)?;
    let columns = shapes.iter().flat_map(|shape| {
        let table = &shape.view.name;
        let row = |name: &str, kind: &str, shown: &str, unit: Option<&str>, help: &str| {
            [Some(table.clone()), Some(name.into()), Some(kind.into()), Some(shown.into()), unit.map(str::to_owned), Some(help.into())]
        };
        let front = [
            row(TS, "label", "timestamptz", None, "When the snapshot was taken."),
            row(SERVER, "label", "text", None, "Server that the row is about."),
            row(INTERVAL_MS, "gauge", "int8", Some("ms"), "The time that the row's counters cover; null in a first snapshot."),
        ];
        let rest = shape.view.columns.iter().map(|column| {
            let unit = if column.r#type == Type::Duration { Some("ms") } else { column.unit.as_deref() };
            row(&column.name, kind(column.kind), shown(column.r#type), unit, &column.help)
        });
        front.into_iter().chain(rest).collect::<Vec<_>>()
    });
    schema.register_table("columns".into(), texts(["table_name", "column_name", "kind", "type", "unit", "help"], columns.collect())?)?;
    Ok(Arc::new(schema))
}

fn texts<const N: usize>(names: [&str; N], rows: Vec<[Option<String>; N]>) -> Result<Arc<MemTable>> {
    let schema = Arc::new(Schema::new(names.map(|name| Field::new(name, DataType::Utf8View, true)).to_vec()));
    let columns = (0..N).map(|at| Arc::new(rows.iter().map(|row| row[at].as_deref()).collect::<StringViewArray>()) as ArrayRef);
    let batch = RecordBatch::try_new(Arc::clone(&schema), columns.collect())?;
    Ok(Arc::new(MemTable::try_new(schema, vec![vec![batch]])?))
}

fn scope(scope: Scope) -> &'static str {
    match scope {
        Scope::Server => "server",
        Scope::Database => "database",
        Scope::Host => "host",
    }
}

fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Label => "label",
        Kind::Counter => "counter",
        Kind::Gauge => "gauge",
        Kind::Text => "text",
    }
}

fn shown(r#type: Type) -> &'static str {
    match r#type {
        Type::Bool => "bool",
        Type::Int8 => "int8",
        Type::Float8 | Type::Duration => "float8",
        Type::Text => "text",
        Type::Timestamptz => "timestamptz",
    }
}
