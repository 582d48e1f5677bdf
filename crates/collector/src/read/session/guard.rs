//! The statement in front of each query, and the check of its answer.
//!
//! # Promise
//! - The guard uses no object of the database's owner. It calls only `pg_catalog.set_config`, by its full name, and uses no operator, cast or type
//!   name. The owner may set `search_path` for all sessions of the database; a `set_config` of the owner is still not called.
//! - `search_path` is set first, to `pg_catalog, pg_temp`. PostgreSQL searches `pg_temp` first for relations and types, unless the path names it,
//!   and never for functions and operators. So in the query behind the guard, each name means the catalog's object.
//! - Settings of the database or the role that would change what is read are overridden: read-only mode, time-outs, digits of floats.
//! - The server's answer is compared with the requested settings. If a setting differs, no row is used and the session is dropped.
//! - The server ends a reading whose client is gone or too slow, as far as its platform and the connection allow: see [`Reach`].

use std::time::Duration;

/// The `lock_timeout` of each query. Reading statistics is less important than the work of the session that holds a lock.
const LOCK_TIMEOUT: &str = "100ms";
/// The `work_mem` of most queries in MB: more than the rows of the largest view take, so that reading writes no temporary files. The server
/// allocates only what a query needs.
pub(super) const WORK_MEM_MB: u64 = 64;
/// The schemas in which unqualified names are looked up.
const SEARCH_PATH: &str = "pg_catalog, pg_temp";
/// How long the server keeps a transaction, and with it the rows that VACUUM would remove, for a client that is slow.
const SLOW_CLIENT: &str = "10s";
/// The settings by which the server notices over TCP that its client does not take the answer, or that its host is gone.
const TCP: [(&str, &str); 4] =
    [("tcp_user_timeout", SLOW_CLIENT), ("tcp_keepalives_idle", "10"), ("tcp_keepalives_interval", "5"), ("tcp_keepalives_count", "3")];
/// How often a server looks during a query whether its client is gone.
const CONNECTION_CHECK: (&str, &str) = ("client_connection_check_interval", "2s");
/// The error if the guard's row is missing.
pub(super) const NO_ANSWER: &str = "the server did not answer the session's guard query: the session was dropped";

/// What the server can notice of a client that hangs. Platforms without a feature refuse its setting, or log each attempt.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Reach {
    /// Nothing is known yet, or the server does not run on Linux.
    #[default]
    Unknown,
    /// Linux, and the client is on a Unix socket: the server notices a client that is gone, but waits for a slow one without limit.
    Socket,
    /// Linux, over TCP: the server ends a session whose client takes nothing for [`SLOW_CLIENT`].
    Tcp,
}

/// The guard of one reading.
#[derive(Debug, Clone, Copy)]
pub(super) struct Guard {
    pub(super) statement_timeout: Duration,
    pub(super) work_mem_mb: u64,
    /// Whether texts are sent as unconverted bytes.
    pub(super) raw: bool,
    pub(super) reach: Reach,
}

impl Guard {
    /// The guard, without a closing semicolon. A single statement makes a single entry in the server's `pg_stat_statements`.
    pub(super) fn statement(self) -> String {
        let (timeout, work_mem) = (self.timeout(), format!("{}MB", self.work_mem_mb));
        let mut settings = checked(&timeout).to_vec();
        if self.reach != Reach::Unknown {
            settings.push(CONNECTION_CHECK);
        }
        if self.reach == Reach::Tcp {
            settings.extend(TCP);
        }
        // Not checked: with less memory, a query only writes temporary files.
        settings.push(("work_mem", &work_mem));
        if self.raw {
            settings.push(("client_encoding", "SQL_ASCII"));
        }
        let calls: Vec<_> = settings.iter().map(|(name, value)| format!("pg_catalog.set_config('{name}', '{value}', true)")).collect();
        format!("select {}", calls.join(", "))
    }

    /// Compares the guard's row with the requested settings.
    ///
    /// # Errors
    /// Names the first setting that the server did not apply.
    pub(super) fn check(self, reported: &[Option<String>]) -> Result<(), String> {
        let timeout = self.timeout();
        for (column, (name, value)) in checked(&timeout).into_iter().enumerate() {
            let reported = reported.get(column).and_then(Option::as_deref).unwrap_or("nothing");
            let holds = reported == value
                || name.ends_with("_timeout") && milliseconds(reported).is_some_and(|reported| milliseconds(value) == Some(reported));
            if !holds {
                return Err(format!("the server did not set {name} to {value} (it answered {reported}): the session was dropped"));
            }
        }
        Ok(())
    }

    /// Whether the server confirmed that it ends the session if the client takes no data. A server that cannot do so reports 0.
    pub(super) fn ends_slow_clients(self, reported: &[Option<String>]) -> bool {
        let timeout = self.timeout();
        // The check of the connection stands in between.
        let place = checked(&timeout).len() + 1;
        self.reach == Reach::Tcp
            && reported
                .get(place)
                .and_then(Option::as_deref)
                .and_then(milliseconds)
                .is_some_and(|limit| Some(limit) == milliseconds(SLOW_CLIENT))
    }

    fn timeout(self) -> String {
        self.statement_timeout.as_millis().to_string()
    }
}

/// The settings that must hold.
fn checked(timeout: &str) -> [(&'static str, &str); 7] {
    [
        ("search_path", SEARCH_PATH),
        ("transaction_read_only", "on"),
        ("statement_timeout", timeout),
        ("lock_timeout", LOCK_TIMEOUT),
        ("idle_in_transaction_session_timeout", SLOW_CLIENT),
        ("jit", "off"),
        // Fewer digits would change the counters' values.
        ("extra_float_digits", "1"),
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

    const RIGHT: [&str; 7] = ["pg_catalog, pg_temp", "on", "5s", "100ms", "10s", "off", "1"];

    fn guard(milliseconds: u64, reach: Reach) -> Guard {
        Guard { statement_timeout: Duration::from_millis(milliseconds), work_mem_mb: WORK_MEM_MB, raw: true, reach }
    }

    fn answer(values: &[&str]) -> Vec<Option<String>> {
        values.iter().map(|value| Some((*value).to_owned())).collect()
    }

    #[test]
    fn the_search_path_is_set_first_and_every_function_is_qualified() {
        for (reach, settings) in [(Reach::Unknown, 9), (Reach::Socket, 10), (Reach::Tcp, 14)] {
            let statement = guard(5_000, reach).statement();
            assert!(statement.starts_with("select pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true), "), "{statement}");
            assert_eq!(statement.matches("set_config(").count(), statement.matches("pg_catalog.set_config(").count());
            assert_eq!(statement.matches("set_config(").count(), settings);
            // Nothing but calls with literals: no operator, cast or relation, which the owner's objects could replace.
            let rest = statement.replace("pg_catalog.set_config(", "").replace(", true)", "");
            let names = rest.trim_start_matches("select ").split('\'').step_by(2).collect::<String>();
            assert!(names.chars().all(|letter| letter == ',' || letter == ' '), "{names}");
            assert!(!statement.contains('\\'), "{statement}");
        }
    }

    #[test]
    fn durations_are_compared_in_any_unit() {
        for (timeout, reported) in [(250, "250ms"), (5_000, "5s"), (60_000, "1min"), (61_000, "61s"), (3_600_000, "1h"), (86_400_000, "1d")]
        {
            let mut values = RIGHT;
            values[2] = reported;
            assert_eq!(guard(timeout, Reach::Unknown).check(&answer(&values)), Ok(()), "{timeout}");
        }
    }

    #[test]
    fn each_setting_that_does_not_hold_is_named() {
        for (column, (name, _)) in checked("5000").into_iter().enumerate() {
            for wrong in ["0", "evil, pg_catalog", ""] {
                let mut values = RIGHT;
                values[column] = wrong;
                let error = guard(5_000, Reach::Tcp).check(&answer(&values)).expect_err("the setting differs");
                assert!(error.contains(name), "{error}");
            }
        }
        assert!(guard(5_000, Reach::Tcp).check(&[]).is_err());
        assert!(guard(5_000, Reach::Tcp).check(&vec![None; 7]).is_err());
    }

    #[test]
    fn a_slow_clients_end_counts_only_if_the_server_confirms_it() {
        let reported = |user_timeout: &str| answer(&[&RIGHT[..], &["2s", user_timeout, "10", "5", "3"]].concat());
        for (reach, user_timeout, ends) in [
            (Reach::Tcp, "10000", true),
            (Reach::Tcp, "10s", true),
            // A server behind a proxy on a Unix socket, or one whose kernel refuses.
            (Reach::Tcp, "0", false),
            (Reach::Socket, "10000", false),
            (Reach::Unknown, "10000", false),
        ] {
            let reported = reported(user_timeout);
            assert_eq!(guard(5_000, reach).ends_slow_clients(&reported), ends, "{reach:?} {user_timeout}");
        }
        assert!(!guard(5_000, Reach::Tcp).ends_slow_clients(&answer(&RIGHT)));
    }
}
