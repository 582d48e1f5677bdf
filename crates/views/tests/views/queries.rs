//! The SQL that each PostgreSQL version gets, as committed in `queries.sql`.
//!
//! The file shows every query after placeholders and versions are resolved. A change of how a definition is written, without a change of
//! what is asked, leaves the file as it is.

use std::fmt::Write as _;
use std::path::Path;

use pganalytics_views::ViewSet;

/// `UPDATE=1 cargo test -p pganalytics-views` writes the file.
#[test]
fn queries_are_as_committed() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/views/queries.sql");
    let text = queries(&ViewSet::builtin().expect("valid built-in views"));
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &text).expect("queries.sql can be written");
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    for (committed, text) in committed.split("\n\n").zip(text.split("\n\n")) {
        assert_eq!(committed, text, "a query differs from queries.sql: run UPDATE=1 cargo test -p pganalytics-views");
    }
    assert_eq!(committed, text, "queries.sql is stale: run UPDATE=1 cargo test -p pganalytics-views");
}

/// All queries without comments, each item of a list on a line of its own.
fn queries(views: &ViewSet) -> String {
    let mut out = String::new();
    for view in views.iter() {
        for entry in &view.sql {
            let extension = entry.extension.as_deref().map_or_else(String::new, |version| format!(", extension {version}"));
            let _ = writeln!(out, "-- {} from {}{extension}", view.name, entry.from);
            let code = entry.query.lines().filter(|line| !line.trim_start().starts_with("--"));
            let words: Vec<_> = code.flat_map(str::split_whitespace).collect();
            let _ = writeln!(out, "{};\n", words.join(" ").replace(", ", ",\n"));
        }
    }
    out
}
