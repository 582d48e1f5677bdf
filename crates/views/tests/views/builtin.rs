//! The built-in views.

use std::time::Duration;

use arrow_schema::{DataType, TimeUnit};
use pganalytics_views::{INTERVAL_MS, Kind, SERVER, Ship, Source, TS, Type, View, ViewSet, data_type, schema};

/// The tables that the backend, the UI and the checks rely on.
const NAMES: [&str; 24] = [
    "host_cpu",
    "host_disk",
    "host_load",
    "host_memory",
    "host_network",
    "kubernetes_pod",
    "pg_database",
    "pg_replication_slots",
    "pg_settings",
    "pg_stat_activity",
    "pg_stat_archiver",
    "pg_stat_bgwriter",
    "pg_stat_checkpointer",
    "pg_stat_database",
    "pg_stat_io",
    "pg_stat_replication",
    "pg_stat_statements",
    "pg_stat_statements_text",
    "pg_stat_user_indexes",
    "pg_stat_user_tables",
    "pg_stat_wal",
    "pganalytics_cost",
    "pganalytics_server",
    "postgres_log",
];
const VERSIONS: std::ops::RangeInclusive<u32> = 14..=19;

fn builtin() -> ViewSet {
    ViewSet::builtin().expect("valid built-in views")
}

fn get(name: &str) -> View {
    View::clone(builtin().get(name).unwrap_or_else(|| panic!("{name} is built in")))
}

#[test]
fn all_views_exist_sorted_by_name() {
    let views = builtin();
    assert_eq!(views.iter().map(|view| view.name.as_str()).collect::<Vec<_>>(), NAMES);
    for name in NAMES {
        assert_eq!(views.get(name).map(|view| view.name.as_str()), Some(name));
    }
    assert!(views.get("pg_stat_nothing").is_none());
}

#[test]
fn a_view_has_sql_for_every_version_from_its_first() {
    for view in builtin().iter().filter(|view| view.source == Source::Sql) {
        let first = view.sql.first().expect("checked by the parser").from;
        for major in VERSIONS {
            let sql = view.sql_for(major);
            assert_eq!(sql.is_some(), major >= first, "{} on {major}", view.name);
            let Some(sql) = sql else { continue };
            for column in view.columns.iter().filter(|column| !column.is_in(major)) {
                let given = format!("as {},", column.name);
                assert!(!sql.contains(&given), "{} selects {} on {major}, which has no such column", view.name, column.name);
            }
        }
    }
    assert_eq!(get("pg_stat_io").sql_for(15), None);
    assert!(get("pg_stat_checkpointer").sql_for(16).is_some_and(|sql| sql.contains("pg_stat_bgwriter")));
}

#[test]
fn queries_name_the_schema_of_every_relation() {
    for view in builtin().iter() {
        for sql in &view.sql {
            let words: Vec<_> = sql.query.split_whitespace().collect();
            for pair in words.windows(2).filter(|pair| matches!(pair[0], "from" | "join") && pair[1].starts_with("pg_")) {
                assert!(pair[1].starts_with("pg_catalog."), "{} reads {} without its schema", view.name, pair[1]);
            }
            assert_eq!(sql.query.contains("{schema}"), view.extension.is_some(), "{}: {{schema}} goes with an extension", view.name);
        }
    }
}

#[test]
fn a_query_that_chooses_its_rows_does_so_by_size_or_activity() {
    for name in ["pg_stat_database", "pg_stat_statements", "pg_stat_user_tables", "pg_stat_user_indexes"] {
        let view = get(name);
        let chooses = |query: &str| query.contains("limit {limit}\n") && query.contains(" desc");
        assert!(view.sql.iter().all(|sql| chooses(&format!("{}\n", sql.query))), "{name}");
    }
}

#[test]
fn rows_of_relations_and_statements_are_identified_by_what_never_changes() {
    for (name, identity) in [
        ("pg_stat_database", ["datid"].as_slice()),
        ("pg_stat_statements", &["queryid", "toplevel", "userid", "dbid"]),
        ("pg_stat_user_indexes", &["indexrelid"]),
        ("pg_stat_user_tables", &["relid"]),
    ] {
        let view = get(name);
        let found: Vec<_> = view.labels().filter(|column| column.identity).map(|column| column.name.as_str()).collect();
        assert_eq!(found, identity, "{name}");
    }
}

#[test]
fn pg_stat_statements_has_only_labels_and_counters() {
    let view = get("pg_stat_statements");
    let labels: Vec<_> = view.labels().map(|column| column.name.as_str()).collect();
    assert_eq!(labels, ["datname", "usename", "queryid", "toplevel", "userid", "dbid"]);
    assert!(view.columns.iter().all(|column| matches!(column.kind, Kind::Label | Kind::Counter)));
    assert_eq!((view.ship, view.refresh, view.interval), (Ship::Changed, None, Duration::from_secs(60)));
}

#[test]
fn an_old_extension_on_a_new_server_gets_the_sql_of_its_version() {
    let view = get("pg_stat_statements");
    for (server, extension, fits) in [
        (18, Some("1.12"), Some(18)),
        (18, Some("1.11"), Some(17)),
        (18, Some("1.10"), Some(15)),
        (18, Some("1.9"), Some(14)),
        (16, Some("1.10"), Some(16)),
        (14, Some("1.9"), Some(14)),
        (14, Some("1.8"), None),
        (99, Some("1.13"), Some(99)),
        (17, Some("2.0"), Some(17)),
        (17, None, Some(17)),
    ] {
        assert_eq!(view.major_for(server, extension), fits, "server {server}, extension {extension:?}");
    }
    assert_eq!(get("pg_stat_io").major_for(15, None), None);
}

#[test]
fn a_schema_has_three_columns_in_front_of_the_views_columns() {
    for view in builtin().iter() {
        let schema = schema(view);
        let names: Vec<_> = schema.fields().iter().map(|field| field.name().as_str()).collect();
        assert_eq!(names[..3], [TS, SERVER, INTERVAL_MS]);
        assert_eq!(names[3..], view.columns.iter().map(|column| column.name.as_str()).collect::<Vec<_>>());
        assert_eq!(schema.fields().iter().map(|field| field.is_nullable()).take(3).collect::<Vec<_>>(), [false, false, true]);
        for (field, column) in schema.fields().iter().skip(3).zip(&view.columns) {
            assert_eq!(field.data_type(), &data_type(column.r#type), "{}.{}", view.name, column.name);
            assert!(field.is_nullable(), "{}.{}", view.name, column.name);
        }
    }
}

#[test]
fn a_duration_is_an_integer_and_a_time_is_utc_microseconds() {
    assert_eq!(data_type(Type::Duration), DataType::Int64);
    assert_eq!(data_type(Type::Timestamptz), DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())));
}

#[test]
fn a_folder_adds_views_and_cannot_replace_a_built_in_one() {
    let folder = std::env::temp_dir().join(format!("pganalytics-views-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let text = "name='mine'\nsummary='s'\nscope='server'\ninterval='1m'\n[[columns]]\nname='a'\nkind='gauge'\ntype='int8'\nhelp='h'\n\
         [[sql]]\nfrom=14\nquery='select 1::int8 as a'";
    std::fs::write(folder.join("mine.toml"), text).expect("a file");
    std::fs::write(folder.join("README"), "not a view").expect("a file");
    let with = ViewSet::with_folder(&folder).map(|views| (views.iter().len(), views.get("mine").is_some()));
    std::fs::write(folder.join("pg_stat_io.toml"), text.replace("'mine'", "'pg_stat_io'")).expect("a file");
    let clash = ViewSet::with_folder(&folder).map(|_| ());
    std::fs::remove_dir_all(&folder).expect("the folder is removed");
    let gone = ViewSet::with_folder(&folder).map(|_| ());

    assert_eq!(with, Ok((NAMES.len() + 1, true)));
    assert!(clash.is_err_and(|error| error.to_string().contains("a view 'pg_stat_io' exists already")));
    assert!(gone.is_err_and(|error| error.to_string().contains("give a folder of *.toml files")));
}
