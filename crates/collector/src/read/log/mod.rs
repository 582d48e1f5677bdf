//! PostgreSQL's log, line by line: who it is about, how severe it is, and what is said, without what must stay on the server.
//!
//! ```text
//! line ─▶ json (jsonlog, CloudNativePG) ─┬─▶ entry ─▶ message ─▶ window
//!       ─▶ prefix (stderr)              ─┘            hides       sums
//! ```
//! # Promise
//! - Formats are told apart by the line itself: JSON of `log_destination = jsonlog` and of CloudNativePG's instance manager; everything
//!   else is `stderr`, with the server's own `log_line_prefix` where that is known. Lines of other programs in the same container are none.
//! - DETAIL, HINT, CONTEXT, STATEMENT and further lines of a message never leave here; of the message itself only what [`message`] lets through.
//! - Where a severity is none that PostgreSQL writes in English, the entry is counted and its message hidden: it may be a translated
//!   "STATEMENT".
//!
//! Where lines come from is no matter of this room: [`crate::find::kubernetes`] reads them of a pod.

mod json;
mod message;
mod prefix;
mod window;

pub(crate) use prefix::Prefix;
pub(crate) use window::Window;

/// Severities as PostgreSQL writes them in English (`elog.c`).
const SEVERITIES: [&str; 13] =
    ["DEBUG", "DEBUG1", "DEBUG2", "DEBUG3", "DEBUG4", "DEBUG5", "LOG", "INFO", "NOTICE", "WARNING", "ERROR", "FATAL", "PANIC"];
/// What stands in their place on lines that belong to the entry above them.
const PARTS: [&str; 7] = ["DETAIL", "HINT", "QUERY", "CONTEXT", "STATEMENT", "LOCATION", "BACKTRACE"];
/// Stands for what is hidden.
const HIDDEN: &str = "…";

/// One entry, without what stays on the server.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(crate) struct Entry {
    pub database: Option<String>,
    pub user: Option<String>,
    pub application: Option<String>,
    pub backend_type: Option<String>,
    pub severity: String,
    pub sqlstate: Option<String>,
    pub message: Option<String>,
}

/// Reads a line; `None` where it begins no entry of PostgreSQL's.
pub(crate) fn parse(line: &str, prefix: &Prefix) -> Option<Entry> {
    if line.starts_with('{') { json::parse(line) } else { prefix.parse(line) }
}

impl Entry {
    /// Takes severity and message as the log has them; `None` where this is a part of another entry.
    fn says(mut self, severity: &str, message: &str) -> Option<Self> {
        if PARTS.contains(&severity) {
            return None;
        }
        self.message = SEVERITIES.contains(&severity).then(|| message::template(message, self.sqlstate.as_deref()));
        self.severity = severity.into();
        Some(self)
    }
}

/// A value of the log; nothing where it has none.
fn known(value: &str) -> Option<String> {
    let value = value.trim();
    // `[unknown]` is what PostgreSQL writes before it knows.
    (!value.is_empty() && value != "[unknown]").then(|| value.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn each_format_tells_the_same() {
        let entry = Entry {
            database: Some("shop".into()),
            user: Some("app".into()),
            application: Some("psql".into()),
            backend_type: Some("client backend".into()),
            severity: "ERROR".into(),
            sqlstate: Some("22012".into()),
            message: Some("division by zero".into()),
        };
        let stderr = "2026-11-29 01:02:03.004 UTC [77] app@shop psql/client backend 22012 ERROR:  division by zero";
        let prefix = Prefix::new("%m [%p] %q%u@%d %a/%b %e ");
        assert_eq!(parse(stderr, &prefix), Some(entry.clone()));
        let jsonlog = r#"{"timestamp":"2026-11-29 01:02:03.004 UTC","user":"app","dbname":"shop","pid":77,"error_severity":"ERROR",
            "state_code":"22012","message":"division by zero","statement":"select 1/0","application_name":"psql","backend_type":"client backend","query_id":0}"#;
        assert_eq!(parse(jsonlog, &Prefix::default()), Some(entry.clone()));
        let cnpg = r#"{"level":"info","ts":"2026-11-29T01:02:03Z","logger":"postgres","msg":"record","logging_pod":"orders-1","record":{
            "log_time":"2026-11-29 01:02:03.004 UTC","user_name":"app","database_name":"shop","process_id":"77","error_severity":"ERROR",
            "sql_state_code":"22012","message":"division by zero","query":"select 1/0","application_name":"psql","backend_type":"client backend"}}"#;
        assert_eq!(parse(cnpg, &Prefix::default()), Some(entry));
    }

    #[test]
    fn what_begins_no_entry_of_postgresql_is_none() {
        for line in [
            "",
            "\tselect 1",
            "2026-11-29 01:02:03.004 UTC [77] STATEMENT:  select 'secret'",
            "2026-11-29 01:02:03.004 UTC [77] DETAIL:  Key (card)=(4111) already exists.",
            "waiting for server to start",
            "{",
            r#"{"level":"info","logger":"instance-manager","msg":"Starting"}"#,
            r#"{"level":"info","logger":"pgaudit","msg":"record","record":{"error_severity":"LOG","message":"","audit":{"statement":"select 1"}}}"#,
        ] {
            assert_eq!(parse(line, &Prefix::new("%m [%p] ")), None, "{line}");
        }
    }

    #[test]
    fn a_severity_in_another_language_is_counted_and_its_text_hidden() {
        let prefix = Prefix::new("%m [%p] ");
        let entry = parse("2026-11-29 01:02:03.004 CET [77] ANWEISUNG:  select secret", &prefix).expect("counted");
        assert_eq!((entry.severity.as_str(), entry.message), ("ANWEISUNG", None));
    }

    proptest! {
        #[test]
        fn no_line_makes_it_panic(line in "\\PC{0,200}", prefix in "[%a-zA-Z0-9 @\\[\\]-]{0,20}") {
            let _ = parse(&line, &Prefix::new(&prefix));
        }

        #[test]
        fn a_literal_of_a_statement_never_comes_through(severity in "ERROR|LOG|STATEMENT|DETAIL|QUERY|CONTEXT|ANWEISUNG", front in "[a-z ]{0,20}") {
            for text in [format!("{front} \"s3cret\""), format!("statement: {front} s3cret"), format!("duration: 1.0 ms  statement: {front} s3cret")] {
                let line = format!("2026-11-29 01:02:03.004 UTC [77] {severity}:  {text}");
                let shown = format!("{:?}", parse(&line, &Prefix::new("%m [%p] ")));
                prop_assert!(!shown.contains("s3cret"), "{line} -> {shown}");
            }
        }
    }
}
