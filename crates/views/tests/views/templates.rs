//! Queries with `{columns}` are built from the columns of each version.

use pganalytics_views::{View, parse};

const TEMPLATE: &str = r#"
name = "v"
summary = "A view."
scope = "server"
interval = "60s"

[[columns]]
name = "a"
kind = "label"
type = "text"
sql = "s.a::text"
help = "A."

[[columns]]
name = "b"
kind = "counter"
type = "int8"
sql = { 14 = "s.old_b", 17 = "s.b" }
help = "B."

[[columns]]
name = "c"
kind = "gauge"
type = "int8"
from = 16
until = 18
help = "C."

[[sql]]
from = 14
query = """
select {s.columns}
from t as s,
     {from 15} u,
     w limit {limit}
"""
"#;

#[track_caller]
fn view(text: &str) -> View {
    parse("views/v.toml", text).unwrap_or_else(|error| panic!("{error}"))
}

/// The error of [`TEMPLATE`] with `from` replaced by `to`.
#[track_caller]
fn error(from: &str, to: &str) -> String {
    assert!(TEMPLATE.contains(from), "{from:?} is in the definition");
    match parse("views/v.toml", &TEMPLATE.replacen(from, to, 1)) {
        Ok(_) => panic!("{to:?} passes"),
        Err(error) => error.to_string(),
    }
}

fn sql(view: &View, major: u32) -> String {
    view.sql_for(major).unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn each_version_selects_the_columns_it_has_in_the_files_order() {
    let view = view(TEMPLATE);
    assert_eq!(sql(&view, 14), "select s.a::text as a, s.old_b as b from t as s, w limit {limit}");
    assert_eq!(sql(&view, 15), "select s.a::text as a, s.old_b as b from t as s, u, w limit {limit}");
    assert_eq!(sql(&view, 16), "select s.a::text as a, s.old_b as b, s.c from t as s, u, w limit {limit}");
    assert_eq!(sql(&view, 17), "select s.a::text as a, s.b, s.c from t as s, u, w limit {limit}");
    assert_eq!(sql(&view, 18), "select s.a::text as a, s.b from t as s, u, w limit {limit}");
    assert_eq!(view.sql.iter().map(|sql| sql.from).collect::<Vec<_>>(), [14, 15, 16, 17, 18]);
}

#[test]
fn columns_without_an_alias_and_without_sql_are_read_by_their_names() {
    let view = view(&TEMPLATE.replace("{s.columns}", "{columns}"));
    assert_eq!(sql(&view, 16), "select s.a::text as a, s.old_b as b, c from t as s, u, w limit {limit}");
}

#[test]
fn an_entry_without_a_query_uses_the_query_before() {
    let view = view(&format!("{TEMPLATE}\n[[sql]]\nfrom = 17\n"));
    assert_eq!(sql(&view, 16), "select s.a::text as a, s.old_b as b, s.c from t as s, u, w limit {limit}");
    assert_eq!(sql(&view, 17), "select s.a::text as a, s.b, s.c from t as s, u, w limit {limit}");
    let said = error("query = \"\"\"\nselect {s.columns}\nfrom t as s,\n     {from 15} u,\n     w limit {limit}\n\"\"\"", "");
    assert!(said.contains("sql[0].query: is missing; give it, or write {columns} in the query before"), "{said}");
}

#[test]
fn a_version_of_an_extension_needs_an_entry_for_each_change() {
    let said = error("[[sql]]\nfrom = 14", "[[sql]]\nfrom = 14\nextension = \"1.9\"");
    let expected = "sql[0]: the query changes with version 15, inside this entry's versions; \
                    add a [[sql]] entry with from = 15 and its version of the extension";
    assert!(said.contains(expected), "{said}");
}

#[test]
fn a_query_that_names_its_columns_takes_no_expressions() {
    let text = TEMPLATE.replace("select {s.columns}", "select a, b").replace("from = 16\nuntil = 18\n", "from = 14\n");
    let said = parse("views/v.toml", &text).expect_err("an expression is not used").to_string();
    assert!(said.contains("sql[0].query: does not use the SQL of column 'a'; write {columns} in it"), "{said}");
}

#[test]
fn expressions_cover_the_versions_of_their_column() {
    let said = error("{ 14 = \"s.old_b\", 17", "{ 17");
    assert!(said.contains("columns[1].sql: has no expression for version 14; add 14 = \"…\""), "{said}");
    assert!(error("{ 14 =", "{ old =").contains("columns[1].sql.old: is not a major version"));
    assert!(error("{ 14 =", "{ 9 =").contains("columns[1].sql.9: 9 is not a supported major version"));
    assert!(error("{ 14 = \"s.old_b\"", "{ 14 = 7").contains("columns[1].sql.14: is not a text"));
    let said = error("from = 16\nuntil = 18", "from = 16\nuntil = 18\nsql = { 16 = \"x\", 18 = \"y\" }");
    assert!(said.contains("columns[2].sql.18: is a version without this column"), "{said}");
}

#[test]
fn a_line_of_a_version_names_a_version() {
    assert!(error("{from 15}", "{from x}").contains("sql[0].query: 'x' in {from …} is not a major version"));
    assert!(error("{from 15}", "{from 15").contains("sql[0].query: has a {from …} without its }"));
}
