//! Parses a line in either format.

use super::entry::Entry;
use super::json;
use super::prefix::Prefix;

/// Parses a line. `None`: the line does not begin an entry of PostgreSQL.
pub(crate) fn parse(line: &str, prefix: &Prefix) -> Option<Entry> {
    if line.starts_with('{') { json::parse(line) } else { prefix.parse(line) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::read::redact;

    #[test]
    fn each_log_format_gives_the_same_entry() {
        let entry = Entry {
            database: Some("shop".into()),
            user: Some("app".into()),
            application: Some("psql".into()),
            backend_type: Some("client backend".into()),
            severity: "ERROR".into(),
            sqlstate: Some("22012".into()),
            message: Some(redact::message("division by zero", None)),
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
    fn lines_that_start_no_entry_of_postgresql_are_ignored() {
        for line in [
            "",
            "\tselect 1",
            "2026-11-29 01:02:03.004 UTC [77] STATEMENT:  select 'secret'",
            "2026-11-29 01:02:03.004 CET [77] ANWEISUNG:  select 'geheim'",
            "2026-11-29 01:02:03.004 UTC [77] LOCATION:  int4div, int.c:869",
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
    fn an_entry_in_another_language_is_counted_without_its_text() {
        let hidden = Some(redact::message("geheim", None));
        let prefix = Prefix::new("%m [%p] ");
        let entry = parse("2026-11-29 01:02:03.004 CET [77] FEHLER:  Relation »geheim« existiert nicht", &prefix).expect("counted");
        assert_eq!((entry.severity.as_str(), &entry.message), ("ERROR", &hidden));
        for (severity, english) in [("ОШИБКА", "ERROR"), ("CHYBA", "unknown")] {
            let line = format!(r#"{{"error_severity":"{severity}","message":"geheim"}}"#);
            let entry = parse(&line, &prefix).expect("counted");
            assert_eq!((entry.severity.as_str(), &entry.message), (english, &hidden));
        }
    }

    proptest! {
        #[test]
        fn no_line_panics(line in "\\PC{0,200}", prefix in "[%a-zA-Z0-9 @\\[\\]-]{0,20}") {
            let _ = parse(&line, &Prefix::new(&prefix));
        }

        #[test]
        fn literals_of_statements_are_never_shipped(severity in "ERROR|LOG|STATEMENT|DETAIL|QUERY|CONTEXT|ANWEISUNG", front in "[a-z ]{0,20}") {
            for text in [format!("{front} \"s3cret\""), format!("statement: {front} s3cret"), format!("duration: 1.0 ms  statement: {front} s3cret")] {
                let line = format!("2026-11-29 01:02:03.004 UTC [77] {severity}:  {text}");
                let shown = format!("{:?}", parse(&line, &Prefix::new("%m [%p] ")));
                prop_assert!(!shown.contains("s3cret"), "{line} -> {shown}");
            }
        }
    }
}
