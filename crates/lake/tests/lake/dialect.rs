//! Every expression of the table gives PostgreSQL's answer, or an error.
//!
//! `e2e/tests/dialect` has the table, and compares the same answers with a real server.

use std::fmt::Write as _;
use std::path::Path;

use pganalytics_lake::arrow::array::cast::AsArray as _;
use pganalytics_lake::arrow::array::{Array, RecordBatch};
use pganalytics_lake::arrow::datatypes::{DataType, IntervalMonthDayNanoType, IntervalUnit};
use pganalytics_lake::arrow::util::display::{ArrayFormatter, FormatOptions};
use pganalytics_lake::{Query, interval_text};

use crate::world::World;

#[path = "../../../../e2e/tests/dialect/table.rs"]
mod table;

use table::{Case, same, table};

#[tokio::test]
async fn every_expression_gives_the_answer_of_postgresql_or_an_error() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../e2e/tests/dialect/expressions.txt");
    let text = std::fs::read_to_string(&path).unwrap();
    let world = World::new().await;
    let (mut wrong, mut count) = (String::new(), 0);
    for Case { line, statement, answer, refused } in table(&text) {
        count += 1;
        let ours = match world.lake.query(Query::new(&statement)).await {
            Ok(answer) => answer.batches.iter().flat_map(rows).collect::<Vec<_>>().join(" ; "),
            Err(error) => format!("error: {error}"),
        };
        let is_error = ours.starts_with("error: ");
        let right = if refused || answer == "error" { is_error } else { !is_error && same(&ours, &answer) };
        // An internal error names no construct and no remedy.
        if !right || ours.contains("Internal error") || ours.contains("broke off") {
            let _ = writeln!(
                wrong,
                "line {line}: {statement}\n  PostgreSQL: {answer}{}\n  here: {ours}",
                if refused { " (refused)" } else { "" }
            );
        }
    }
    assert!(wrong.is_empty(), "of {count} expressions these differ:\n{wrong}");
    assert!(count > 150, "only {count} expressions in {}", path.display());
}

fn rows(batch: &RecordBatch) -> Vec<String> {
    (0..batch.num_rows()).map(|row| batch.columns().iter().map(|column| cell(column, row)).collect::<Vec<_>>().join(" | ")).collect()
}

/// A value as psql shows it.
fn cell(array: &dyn Array, row: usize) -> String {
    if array.is_null(row) || *array.data_type() == DataType::Null {
        return "null".into();
    }
    match array.data_type() {
        DataType::Boolean => {
            if array.as_boolean().value(row) {
                "t".into()
            } else {
                "f".into()
            }
        }
        DataType::Interval(IntervalUnit::MonthDayNano) => interval_text(array.as_primitive::<IntervalMonthDayNanoType>().value(row)),
        DataType::List(_) => {
            let items = array.as_list::<i32>().value(row);
            let items: Vec<String> = (0..items.len()).map(|at| if items.is_null(at) { "NULL".into() } else { cell(&items, at) }).collect();
            format!("{{{}}}", items.join(","))
        }
        r#type => {
            let shown = ArrayFormatter::try_new(array, &FormatOptions::new()).unwrap().value(row).to_string();
            match r#type {
                DataType::Timestamp(..) => {
                    let (time, zone) = shown.strip_suffix('Z').map_or((shown.as_str(), ""), |time| (time, "+00"));
                    let time = if time.contains('.') { time.trim_end_matches('0') } else { time };
                    format!("{}{zone}", time.replacen('T', " ", 1))
                }
                _ => shown.replace('\n', "\\n"),
            }
        }
    }
}
