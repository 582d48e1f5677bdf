//! Errors in a definition name the place and the remedy.

use std::time::Duration;

use pganalytics_views::{DefinitionError, Kind, Says, Scope, Ship, Source, Type, View, parse, parse_duration};

const GOOD: &str = r#"
name = "v"
summary = "A view."
scope = "server"
interval = "60s"
max_rows = 7

[[columns]]
name = "a"
kind = "label"
type = "text"
help = "A."

[[columns]]
name = "b"
kind = "counter"
type = "duration"
from = 16
until = 18
help = "B."

[[columns]]
name = "c"
kind = "gauge"
type = "timestamptz"
unit = "moments"
help = "C."

[[sql]]
from = 14
query = "select a, c from t limit {limit}"

[[sql]]
from = 16
query = "select a, b, c from t"

[[sql]]
from = 18
query = "select a, c from t"
"#;

/// The error of [`GOOD`] with `from` replaced by `to`.
#[track_caller]
fn error(from: &str, to: &str) -> String {
    assert!(GOOD.contains(from), "{from:?} is in the definition");
    match parse("views/v.toml", &GOOD.replacen(from, to, 1)) {
        Ok(_) => panic!("{to:?} passes"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn every_key_of_a_good_definition_is_read() {
    let view = parse("views/v.toml", GOOD).expect("the definition is good");
    assert_eq!((view.name.as_str(), view.scope, view.source, view.ship), ("v", Scope::Server, Source::Sql, Ship::Changed));
    assert_eq!((view.interval, view.timeout, view.refresh), (Duration::from_secs(60), Duration::from_secs(5), None));
    let columns: Vec<_> = view.columns.iter().map(|c| (c.name.as_str(), c.kind, c.r#type, c.from, c.until)).collect();
    assert_eq!(
        columns,
        [
            ("a", Kind::Label, Type::Text, 14, None),
            ("b", Kind::Counter, Type::Duration, 16, Some(18)),
            ("c", Kind::Gauge, Type::Timestamptz, 14, None)
        ]
    );
    assert_eq!(view.column("c").and_then(|column| column.unit.as_deref()), Some("moments"));
    assert_eq!(view.sql_for(14), Some("select a, c from t limit {limit}"), "the collector knows max_rows");
    assert_eq!(view.sql_for(15), view.sql_for(14));
    assert_eq!(view.sql_for(17), Some("select a, b, c from t"));
    assert_eq!(view.sql_for(99), Some("select a, c from t"), "a newer version gets the newest text");
    assert_eq!([15, 16, 17, 18].map(|major| view.column("b").is_some_and(|b| b.is_in(major))), [false, true, true, false]);
}

/// [`GOOD`] with these keys at its top, and this table.
fn with(keys: &str, table: &str) -> Result<View, DefinitionError> {
    parse("views/v.toml", &format!("{keys}\n{GOOD}\n{table}"))
}

const MARK: &str = "[[marks]]\nname = \"m\"\nsays = \"parts\"\nof = [\"b\"]\ntype = \"text\"";

#[test]
fn a_mark_is_read_beside_the_columns_and_is_none_of_them() {
    let view = with("restarts_with = [\"*\"]\nkeep = [\"b\"]", MARK).map_err(|error| error.to_string());
    // The queries of GOOD name their columns themselves.
    assert_eq!(
        view.map(drop),
        Err("views/v.toml: sql[0].query: does not name column 'm'; select it, or say with from/until which versions have it".into())
    );
    let text = GOOD.replace("select a, c from", "select a, c, m from").replace("select a, b, c from", "select a, b, c, m from");
    let view = parse("views/v.toml", &format!("restarts_with = [\"*\"]\nkeep = [\"b\"]\n{text}\n{MARK}")).expect("a good definition");
    assert_eq!((view.restarts_with.as_slice(), view.keep.as_slice()), (["b".to_owned()].as_slice(), ["b".to_owned()].as_slice()));
    assert_eq!(view.marks.iter().map(|mark| &mark.says).collect::<Vec<_>>(), [&Says::Parts { of: vec!["b".into()], settles: false }]);
    assert_eq!((view.columns.len(), view.mark("m"), view.mark("b")), (3, Some(3), None));
}

#[test]
fn what_a_mark_or_a_key_cannot_mean_is_refused_by_name() {
    for (keys, table, said) in [
        ("restarts_with = [\"a\"]", "", "restarts_with: 'a' is not a counter of this view"),
        ("keep = [\"c\"]", "", "keep: 'c' is not a number of this view"),
        ("keep = 1", "", "keep: is not a list of texts"),
        ("", &MARK.replace("\"b\"", "\"c\""), "marks[0].of: 'c' is not a counter of this view"),
        ("", &MARK.replace("\"m\"", "\"a\""), "marks[0].name: 'a' is declared twice"),
        ("", &MARK.replace("parts", "since"), "marks[0].of: only parts are of some columns"),
        ("", &MARK.replace("\"text\"", "\"int8\""), "marks[0].type: does not fit what the mark says"),
        ("", &MARK.replace("parts", "part"), "marks[0].says: 'part' is unknown; give one of: since, witness, parts"),
    ] {
        let error = with(keys, table).map(drop).map_err(|error| error.to_string());
        assert!(error.as_ref().is_err_and(|error| error.contains(said)), "{said}: {error:?}");
    }
    assert!(error("name = \"b\"", "identity = true\nname = \"b\"").contains("columns[1].identity: only a label identifies a row"));
    assert!(error("name = \"a\"", "identity = 1\nname = \"a\"").contains("columns[0].identity: is neither true nor false"));
}

#[test]
fn an_unknown_key_names_the_nearest_known_key() {
    assert_eq!(error("summary =", "sumary ="), "views/v.toml: sumary: is not a key of a view definition; did you mean 'summary'?");
    assert_eq!(error("unit =", "units ="), "views/v.toml: columns[2].units: is not a key of a view definition; did you mean 'unit'?");
    assert_eq!(error("query =", "sql ="), "views/v.toml: sql[0].sql: is not a key of a view definition; did you mean 'query'?");
}

#[test]
fn a_missing_key_is_named() {
    assert!(error("summary = \"A view.\"\n", "").contains("summary: is missing"));
    assert!(error("interval = \"60s\"\n", "").contains("interval: is missing; give it, as in \"60s\""));
    assert!(error("scope = \"server\"\n", "").contains("scope: is missing; give one of: server, database, host"));
    assert!(error("help = \"B.\"\n", "").contains("columns[1].help: is missing"));
    assert!(
        parse("v.toml", "name='v'\nsummary='s'\nscope='host'\ninterval='1s'\nsource='probe'").is_err_and(|error| error.key == "columns")
    );
}

#[test]
fn a_column_that_comes_or_goes_inside_an_entry_needs_another_entry() {
    let end = error("[[sql]]\nfrom = 18\nquery = \"select a, c from t\"\n", "");
    assert!(
        end.contains("sql[1]: column 'b' comes or goes with version 18, inside this entry's versions; add a [[sql]] entry with from = 18")
    );
    let start = error("[[sql]]\nfrom = 16\nquery = \"select a, b, c from t\"\n", "");
    assert!(start.contains("column 'b' comes or goes with version 16"), "{start}");
}

#[test]
fn entries_are_in_order_of_their_versions() {
    assert!(error("[[sql]]\nfrom = 18", "[[sql]]\nfrom = 16").contains("sql[2].from: 16 is not after 16; order them by version"));
    assert!(error("[[sql]]\nfrom = 14", "[[sql]]\nfrom = 13").contains("13 is not a supported major version"));
    assert!(error("until = 18", "until = 16").contains("until: is not after 'from'"));
}

#[test]
fn a_query_without_columns_names_every_column_of_its_versions() {
    assert!(
        error("query = \"select a, b, c", "query = \"select a, c").contains("sql[1].query: does not name column 'b'; select it, or say")
    );
    assert!(error("select a, c from t limit", "select ab, c from t limit").contains("does not name column 'a'"));
}

#[test]
fn a_query_is_a_select_of_named_columns() {
    assert!(error("select a, c from t limit", "select  *, a, c from t limit").contains("selects *; name the columns"));
    assert!(error("select a, c from t limit", "table a, c").contains("is not a SELECT"));
}

#[test]
fn column_names_are_unique_sql_names() {
    assert!(error("name = \"b\"", "name = \"a\"").contains("columns[1].name: column 'a' is declared twice; remove one of the two"));
    for reserved in ["ts", "server", "interval_ms"] {
        let said = error("name = \"b\"", &format!("name = \"{reserved}\""));
        assert!(said.contains(&format!("every table already has a column '{reserved}'")), "{said}");
    }
    assert!(error("name = \"b\"", "name = \"B c\"").contains("'B c' is not an SQL name"));
}

#[test]
fn a_kind_allows_only_some_types() {
    assert!(error("type = \"duration\"", "type = \"text\"").contains("a counter must be a number"));
    assert!(error("type = \"text\"", "type = \"float8\"").contains("a label must compare exactly"));
    assert!(error("kind = \"label\"", "kind = \"tag\"").contains("'tag' is unknown; give one of: label, counter, gauge, text"));
}

#[test]
fn the_file_is_named_after_the_view() {
    assert!(error("name = \"v\"", "name = \"w\"").contains("'w' differs from the file's name 'v'; use the same name for both"));
    assert!(error("name = \"v\"", "name = \"V\"").contains("'V' is not an SQL name"));
}

#[test]
fn durations_rows_and_texts_are_checked() {
    for bad in ["60", "s", "0s", "1.5s", "-1s", "1w", "99999999999999999999s", "9999999999999999999d"] {
        assert!(error("\"60s\"", &format!("\"{bad}\"")).contains(&format!("'{bad}' is not a duration")));
    }
    assert!(error("max_rows = 7", "max_rows = 0").contains("0 is not a number of rows"));
    assert!(error("max_rows = 7", "max_rows = \"7\"").contains("is not an integer"));
    assert!(error("\"A view.\"", "\" \"").contains("summary: is not a text"));
    assert!(error("name = \"v\"", "name = v").contains("is not TOML"));
    assert!(error("[[columns]]\nname = \"a\"", "[columns]\nname = \"a\"").contains("(file): is not TOML"));
}

#[test]
fn reset_source_and_extension_fit_the_rest_of_the_file() {
    assert!(error("max_rows = 7", "reset = \"a\"").contains("reset: 'a' is not a timestamptz column of this view"));
    assert!(error("max_rows = 7", "source = \"probe\"").contains("sql: a probe has no SQL"));
    let said = error("[[sql]]\nfrom = 16", "[[sql]]\nfrom = 16\nextension = \"1.9\"");
    assert!(said.contains("sql[1].extension: but the view needs no extension; name the extension at the top of the file"), "{said}");
}

#[test]
fn durations_have_one_unit() {
    let read = ["250ms", "10s", "5m", "1h", "7d"].map(|text| parse_duration(text).map(|duration| duration.as_millis()));
    assert_eq!(read, [250, 10_000, 300_000, 3_600_000, 604_800_000].map(Some));
}
