//! What a server refuses to a role, and the grant that helps.

use std::time::Duration;

use pganalytics_views::View;

use super::name::quoted;
use crate::read::probe::refused::Refused;
use crate::read::session::{Session, text};

const TIMEOUT: Duration = Duration::from_secs(5);

/// The grants for the functions of a view that the role may not call. `None` if there is no such function: then the server does not support
/// what the columns need.
pub(super) async fn grants(session: &mut Session, view: &View, refused: &Refused) -> Option<String> {
    let major = session.facts.major();
    let role = quoted(&session.facts.role);
    // A column may read what another part of the query computes.
    let sql = refused.expressions(view, major).into_iter().chain(view.sql_for(major));
    // The column comes from a view of PostgreSQL, which calls other functions. Only the error message names them.
    let why = refused.why(view);
    let words = why.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').filter(|word| word.starts_with("pg_"));
    let names: Vec<_> = sql.flat_map(functions).chain(words).map(|name| format!("'{name}'")).collect();
    if names.is_empty() {
        return None;
    }
    let query = format!(
        "select distinct pg_catalog.format('%I.%s', n.nspname, p.oid::pg_catalog.regprocedure) \
         from pg_catalog.pg_proc as p join pg_catalog.pg_namespace as n on n.oid = p.pronamespace \
         where n.nspname = 'pg_catalog' and p.proname in ({}) and not pg_catalog.has_function_privilege(p.oid, 'EXECUTE') order by 1",
        names.join(", ")
    );
    let mut grants = Vec::new();
    let read = session.read(&query, TIMEOUT, |row| {
        grants.extend(text(row, 0).map(|function| format!("GRANT EXECUTE ON FUNCTION {function} TO {role};")));
    });
    read.await.ok()?;
    (!grants.is_empty()).then(|| grants.join("\n"))
}

/// The names of functions in a statement: words in front of a parenthesis.
fn functions(sql: &str) -> impl Iterator<Item = &str> {
    sql.match_indices('(').filter_map(|(at, _)| {
        let before = &sql[..at];
        let begin = before.rfind(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).map_or(0, |at| at + 1);
        let name = &before[begin..];
        name.starts_with(|c: char| c.is_ascii_lowercase()).then_some(name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_in_front_of_a_parenthesis_are_functions() {
        let names: Vec<_> = functions("(pg_catalog.pg_size(a.oid) - 'x')::int8 + coalesce(f(1), (2))").collect();
        assert_eq!(names, ["pg_size", "coalesce", "f"]);
    }
}
