//! Walks every statement that the collector sends: each function, type and relation stands with its schema, so that a database's owner, whose
//! objects may have the same names, runs nothing with the collector's rights.
//!
//! Operators have no schema: `OPERATOR(pg_catalog.=)` would make the statements unreadable. They need none behind the guard, which sets
//! `search_path` to `pg_catalog, pg_temp` before the server looks up any name of the statement, and PostgreSQL never looks for functions and
//! operators in `pg_temp`. The guard itself uses no operator.

mod sql;

use std::path::{Path, PathBuf};

use pganalytics_views::ViewSet;

use sql::{literals, unqualified};

/// Versions whose statements are walked; the last one stands for any later version.
const MAJORS: std::ops::RangeInclusive<u32> = 14..=19;

#[test]
fn every_views_statement_names_the_schema_of_all_that_it_uses() {
    let mut walked = 0;
    for view in ViewSet::builtin().expect("the built-in views").iter() {
        for major in MAJORS {
            let Some(sql) = view.sql_for(major) else { continue };
            assert_eq!(unqualified(sql), [""; 0], "{} for PostgreSQL {major}", view.name);
            walked += 1;
        }
    }
    assert!(walked > 60, "{walked} statements of views");
}

#[test]
fn every_statement_in_the_code_names_the_schema_of_all_that_it_uses() {
    let mut statements = Vec::new();
    for file in sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src")) {
        let text = std::fs::read_to_string(&file).expect("a source file");
        // Tests stand at the end of a file.
        let code = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
        statements.extend(literals(code).into_iter().filter(|literal| is_statement(literal)));
    }
    for statement in &statements {
        assert_eq!(unqualified(statement), [""; 0], "{statement}");
    }
    // The guard, the session's first query, and those of the probes and of doctor.
    let all = statements.join("\n");
    for part in
        ["select {}", "server_version_num", "pg_stat_activity", "pg_database", "pg_extension", "pg_control_system", "compute_query_id"]
    {
        assert!(all.contains(part), "no statement with {part}: {all}");
    }
}

fn is_statement(literal: &str) -> bool {
    ["select ", "with ", "declare ", "fetch "].iter().any(|word| literal.trim_start().starts_with(word)) && literal.len() > 12
        || literal == "select {}"
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder of sources") {
        let path = entry.expect("an entry").path();
        if path.is_dir() && path.file_name().is_some_and(|name| name != "tests") {
            files.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") && !path.ends_with("tests.rs") {
            files.push(path);
        }
    }
    files
}

#[test]
fn the_walk_finds_what_has_no_schema() {
    for (statement, found) in [
        ("select set_config('a', 'b', true)", &["set_config("][..]),
        ("select evil.count(a) from pg_catalog.t as t", &["evil.count("]),
        ("select count(*) from pg_class as c", &["count(", "pg_class"]),
        ("select a from pg_catalog.pg_class as c, pg_index as i", &["pg_index"]),
        ("select a::text, b::pg_catalog.int8 from pg_catalog.t as t", &["::text"]),
        ("select '1'::int8[]", &["::int8"]),
        ("select cast(a as text)", &["cast("]),
        ("select interval '1 day'", &["interval '1 day'"]),
        ("select pg_catalog.regexp_replace(a, '\\s', '')", &["'\\s'"]),
        ("select x.a from (select a from evil.t as t) as x", &["evil.t"]),
        ("with x as (select 1 as a) select a from x join y on true", &["y"]),
        ("with x as materialized (select 1 as a) select a from x where a in (1) and exists (select from x)", &[]),
        ("select extract(epoch from a) from {schema}.pg_stat_statements(false) as s cross join lateral {schema}.i() as i", &[]),
        ("select current_user, 'set_config(', \"f(\" from pg_catalog.t as t -- f(", &[]),
        ("select pg_catalog.sum(a) over (order by b) from pg_catalog.t as t where a is distinct from b", &[]),
        ("select $$\\s f($$", &[]),
    ] {
        assert_eq!(unqualified(statement), found, "{statement}");
    }
}
