//! Rows as a table in the terminal.

use std::fmt::Write as _;

use serde_json::Value;

/// The most characters of a cell, so that query texts leave room for other columns. CSV and JSON have no limit.
const MAX_CELL: usize = 120;

/// A table with a header. Numbers are right-aligned; nulls are empty.
pub(crate) fn table(names: &[String], rows: &[Vec<Value>]) -> String {
    let texts: Vec<Vec<String>> = rows.iter().map(|row| row.iter().map(cell).collect()).collect();
    let columns: Vec<(usize, bool)> = names
        .iter()
        .enumerate()
        .map(|(i, name)| {
            let width = texts.iter().filter_map(|row| row.get(i)).map(|text| text.chars().count()).max().unwrap_or(0);
            let right = rows.iter().filter_map(|row| row.get(i)).all(|value| value.is_number() || value.is_null()) && !rows.is_empty();
            (width.max(name.chars().count()), right)
        })
        .collect();
    let mut out = String::new();
    line(&mut out, names, &columns);
    let rule: Vec<String> = columns.iter().map(|(width, _)| "─".repeat(*width)).collect();
    let _ = writeln!(out, "{}", rule.join("  "));
    for row in &texts {
        line(&mut out, row, &columns);
    }
    out
}

fn line(out: &mut String, cells: &[String], columns: &[(usize, bool)]) {
    let mut text = String::new();
    for (i, (cell, (width, right))) in cells.iter().zip(columns).enumerate() {
        if i > 0 {
            text.push_str("  ");
        }
        let _ = if *right { write!(text, "{cell:>width$}") } else { write!(text, "{cell:<width$}") };
    }
    out.push_str(text.trim_end());
    out.push('\n');
}

/// One line without control characters: texts from a monitored server must not control the terminal.
fn cell(value: &Value) -> String {
    let text = match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let mut shown: String = text.chars().take(MAX_CELL).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.chars().nth(MAX_CELL).is_some() {
        shown.pop();
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_are_right_aligned_and_control_characters_are_removed() {
        let names = ["server".to_owned(), "calls".to_owned()];
        let rows = vec![vec![json!("db-1\u{1b}[2J"), json!(7)], vec![json!(null), json!(1234.5)]];
        insta::assert_snapshot!(table(&names, &rows), @r"
        server     calls
        ────────  ──────
        db-1 [2J       7
                  1234.5
        ");
    }

    #[test]
    fn a_long_cell_is_cut() {
        let text = table(&["query".to_owned()], &[vec![json!("x".repeat(1000))]]);
        assert_eq!(text.lines().last().map(|line| line.chars().count()), Some(MAX_CELL));
    }
}
