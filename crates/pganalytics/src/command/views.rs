//! `views`: the tables and their columns, from the definitions.

use std::path::PathBuf;

use pganalytics_views::{Kind, Type, ViewSet, reference};
use serde_json::Value;

use crate::output;
use crate::table::table;

/// Show the tables, or one table's columns
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    pganalytics views\n  \
    pganalytics views pg_stat_statements\n  \
    pganalytics views --markdown > docs/views.md")]
pub(crate) struct Args {
    /// The name of a table
    name: Option<String>,
    /// Print the whole reference as Markdown
    #[arg(long, conflicts_with = "name")]
    markdown: bool,
    /// A folder with your own view definitions, in addition to the built-in ones
    #[arg(long, env = "PGANALYTICS_VIEWS", value_name = "DIR")]
    views: Option<PathBuf>,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let views = match &args.views {
        Some(folder) => ViewSet::with_folder(folder)?,
        None => ViewSet::builtin()?,
    };
    if args.markdown {
        return output::print(reference(&views));
    }
    let Some(name) = &args.name else {
        let rows: Vec<Vec<Value>> = views
            .tables()
            .into_iter()
            .map(|view| vec![view.name.as_str().into(), format!("{}s", view.interval.as_secs()).into(), view.summary.as_str().into()])
            .collect();
        return output::print(table(&["table", "read every", "contents"].map(String::from), &rows));
    };
    let tables = views.tables();
    let Some(view) = tables.iter().find(|view| view.name == *name) else {
        let nearest = tables
            .iter()
            .map(|view| view.name.as_str())
            .max_by(|a, b| strsim::jaro_winkler(name, a).total_cmp(&strsim::jaro_winkler(name, b)));
        anyhow::bail!("there is no table '{name}'; did you mean '{}'?", nearest.unwrap_or_default());
    };
    let rows: Vec<Vec<Value>> = view
        .columns
        .iter()
        .map(|column| {
            let (r#type, unit) = match column.r#type {
                Type::Bool => ("bool", ""),
                Type::Int8 => ("int8", ""),
                Type::Float8 => ("float8", ""),
                Type::Text => ("text", ""),
                Type::Timestamptz => ("timestamptz", ""),
                Type::Duration => ("float8", "ms"),
            };
            let kind = match column.kind {
                Kind::Label => "label",
                Kind::Counter => "counter",
                Kind::Gauge => "gauge",
                Kind::Text => "text",
            };
            let unit = column.unit.as_deref().unwrap_or(unit);
            vec![column.name.as_str().into(), kind.into(), r#type.into(), unit.into(), column.help.as_str().into()]
        })
        .collect();
    output::print(format!(
        "{}: {}\n\n{}",
        view.name,
        view.summary,
        table(&["column", "kind", "type", "unit", "meaning"].map(String::from), &rows)
    ))
}
