//! The statement in front of each query, and the check of its answer.
//!
//! # Promise
//! - The guard uses no object of the database's owner. It calls only `pg_catalog.set_config`, by its full name, and uses no operator, cast or type
//!   name. The owner may set `search_path` for all sessions of the database; a `set_config` of the owner is still not called.
//! - `search_path` is set first, to `pg_catalog, pg_temp`. PostgreSQL searches `pg_temp` first for relations and types, unless the path names it.
//! - The server's answer is compared with the requested settings. If a setting differs, no row is used and the session is dropped.

use std::time::Duration;

/// The `lock_timeout` of each query. Reading statistics is less important than the work of the session that holds a lock.
const LOCK_TIMEOUT: &str = "100ms";
/// The `work_mem` of most queries in MB: more than the rows of the largest view take, so that reading writes no temporary files. The server
/// allocates only what a query needs.
pub(super) const WORK_MEM_MB: u64 = 64;
/// The schemas in which unqualified names are looked up.
const SEARCH_PATH: &str = "pg_catalog, pg_temp";
/// The error if the guard's row is missing.
pub(super) const NO_ANSWER: &str = "the server did not answer the session's guard query: the session was dropped";

/// The guard, without a closing semicolon. A single statement makes a single entry in the server's `pg_stat_statements`.
pub(super) fn statement(statement_timeout: Duration, work_mem_mb: u64, raw: bool) -> String {
    let (timeout, work_mem) = (statement_timeout.as_millis().to_string(), format!("{work_mem_mb}MB"));
    let mut settings = settings(&timeout).to_vec();
    // Not checked: with less memory, a query only writes temporary files.
    settings.push(("work_mem", &work_mem));
    if raw {
        settings.push(("client_encoding", "SQL_ASCII"));
    }
    let calls: Vec<_> = settings.iter().map(|(name, value)| format!("pg_catalog.set_config('{name}', '{value}', true)")).collect();
    format!("select {}", calls.join(", "))
}

/// Compares the guard's row with the requested settings.
///
/// # Errors
/// Names the first setting that the server did not apply.
pub(super) fn check(reported: &[Option<String>], statement_timeout: Duration) -> Result<(), String> {
    let timeout = statement_timeout.as_millis().to_string();
    for (column, (name, value)) in settings(&timeout).into_iter().enumerate() {
        let reported = reported.get(column).and_then(Option::as_deref).unwrap_or("nothing");
        let holds = reported == value
            || name.ends_with("_timeout") && milliseconds(reported).is_some_and(|reported| milliseconds(value) == Some(reported));
        if !holds {
            return Err(format!("the server did not set {name} to {value} (it answered {reported}): the session was dropped"));
        }
    }
    Ok(())
}

fn settings(timeout: &str) -> [(&'static str, &str); 5] {
    [
        ("search_path", SEARCH_PATH),
        ("transaction_read_only", "on"),
        ("statement_timeout", timeout),
        ("lock_timeout", LOCK_TIMEOUT),
        ("jit", "off"),
    ]
}

/// Parses a duration, which PostgreSQL writes in the largest unit that divides the value, into milliseconds.
fn milliseconds(text: &str) -> Option<u128> {
    let digits = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let factor = match unit {
        "" | "ms" => 1,
        "s" => 1_000,
        "min" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    number.parse::<u128>().ok()?.checked_mul(factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(values: [&str; 5]) -> Vec<Option<String>> {
        values.map(|value| Some(value.to_owned())).to_vec()
    }

    #[test]
    fn the_search_path_is_set_first_and_every_function_is_qualified() {
        let statement = statement(Duration::from_secs(5), WORK_MEM_MB, true);
        assert!(statement.starts_with("select pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true), "), "{statement}");
        assert_eq!(statement.matches("set_config(").count(), statement.matches("pg_catalog.set_config(").count());
        assert_eq!(statement.matches("set_config(").count(), 7);
        assert!(!statement.contains("::"), "{statement}");
    }

    #[test]
    fn durations_are_compared_in_any_unit() {
        for (timeout, reported) in [(250, "250ms"), (5_000, "5s"), (60_000, "1min"), (61_000, "61s"), (3_600_000, "1h"), (86_400_000, "1d")]
        {
            let reported = answer(["pg_catalog, pg_temp", "on", reported, "100ms", "off"]);
            assert_eq!(check(&reported, Duration::from_millis(timeout)), Ok(()), "{timeout}");
        }
    }

    #[test]
    fn each_setting_that_was_not_applied_is_named() {
        let right = ["pg_catalog, pg_temp", "on", "5s", "100ms", "off"];
        for (column, name) in ["search_path", "transaction_read_only", "statement_timeout", "lock_timeout", "jit"].into_iter().enumerate() {
            for wrong in ["0", "evil, pg_catalog", ""] {
                let mut values = right;
                values[column] = wrong;
                let error = check(&answer(values), Duration::from_secs(5)).expect_err("the setting differs");
                assert!(error.contains(name), "{error}");
            }
        }
        assert!(check(&[], Duration::from_secs(5)).is_err());
        assert!(check(&vec![None; 5], Duration::from_secs(5)).is_err());
    }
}
