//! Redacts a log message: PostgreSQL's own wording stays, everything else goes.
//!
//! # Promise
//! - Only a message that is known as PostgreSQL's own (`templates.txt`, `catalog.txt`) is shown. What is shown is the text of the template in
//!   these files, never text of the log. Every other message becomes [`UNKNOWN`]: texts of `RAISE`, translated messages, messages of
//!   extensions.
//! - A placeholder shows no value: names, numbers, statements and addresses become `…`. The exceptions are lists of words in this folder (the
//!   modes of locks, the system's reason for an error), and the names of constraints, tables and columns if the SQLSTATE reports a violated
//!   constraint (class 23), because only these names tell which constraint it is.
//! - At most [`CAP`] bytes stay.
//!
//! ```text
//! message ─▶ catalog ─▶ pattern ─▶ words
//!            finds      shows      lets through
//! ```

mod catalog;
mod pattern;
mod words;

use super::redacted::Redacted;
use words::HIDDEN;

/// The text in place of a message that is not known.
const UNKNOWN: &str = "(message not recognised)";
/// The most bytes of a message that are shown.
const CAP: usize = 200;
/// The most bytes of a message that are compared. Longer messages contain a statement at their end.
const COMPARED: usize = 8 << 10;
/// The SQLSTATE class of violated constraints.
const INTEGRITY: &str = "23";

/// Redacts a message.
pub(crate) fn message(text: &str, sqlstate: Option<&str>) -> Redacted {
    Redacted::new(shown(text, sqlstate))
}

fn shown(text: &str, sqlstate: Option<&str>) -> String {
    let text = text[..text.floor_char_boundary(COMPARED)].trim_end();
    let names = sqlstate.is_some_and(|code| code.starts_with(INTEGRITY));
    // JSON holds all lines of a message. Some messages are reports whose first line says what they are about.
    let first = text.lines().next().unwrap_or_default();
    let known = [without_position(text), text, without_position(first)].into_iter().find_map(catalog::find);
    known.map_or_else(|| UNKNOWN.to_owned(), |fit| cap(fit.shown(names)))
}

/// Removes " at character 8" from the text. The other formats have the position in its own field.
fn without_position(text: &str) -> &str {
    match text.rsplit_once(" at character ") {
        Some((said, at)) if !at.is_empty() && at.bytes().all(|byte| byte.is_ascii_digit()) => said,
        _ => text,
    }
}

fn cap(mut text: String) -> String {
    if text.len() > CAP {
        text.truncate(text.floor_char_boundary(CAP));
        text.push_str(HIDDEN);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_wording_of_known_messages_stays_and_values_go() {
        for (message, expected) in [
            ("division by zero", "division by zero"),
            ("database system is ready to accept connections", "database system is ready to accept connections"),
            ("invalid input syntax for type integer: \"4111 1111\"", "invalid input syntax for type integer: \"…\""),
            ("invalid input syntax for type secret: \"4111\"", "invalid input syntax for type …: \"…\""),
            ("syntax error at or near \"secret\" at character 15", "syntax error at or near \"…\""),
            ("relation \"a\" does not exist at character 15", "relation \"…\" does not exist"),
            ("function secret(integer) does not exist", "function … does not exist"),
            (
                "process 77 still waiting for ShareLock on transaction 815 after 1000.123 ms",
                "process … still waiting for ShareLock on transaction … after … ms",
            ),
            ("listening on IPv4 address \"0.0.0.0\", port 5432", "listening on IPv4 address \"…\", port …"),
            ("password authentication failed for user \"alice\"", "password authentication failed for user \"…\""),
            ("checkpoint starting: immediate force wait", "checkpoint starting: immediate force wait"),
            ("server process (PID 4711) was terminated by signal 9: Killed", "server process (PID …) was terminated by signal …: Killed"),
            (
                "could not write to file \"base/pgsql_tmp/x.1\": No space left on device",
                "could not write to file \"…\": No space left on device",
            ),
            ("temporary file: path \"base/x\", size 4111", "temporary file: path \"…\", size …"),
            ("duration: 12.3 ms  statement: select secret", "duration: … ms  statement: …"),
            ("invalid input syntax for type json at character 8", "invalid input syntax for type json"),
            ("duration: 12.3 ms", "duration: … ms"),
            ("statement: select secret", "statement: …"),
            ("execute <unnamed>: select secret", "execute …: …"),
            ("AUDIT: SESSION,1,1,READ,SELECT,,,select secret", "AUDIT: SESSION,…"),
            ("automatic vacuum of table \"a.b.c\": index scans: 0\npages: 4 removed", "automatic vacuum of table \"…\": index scans: …"),
        ] {
            assert_eq!(shown(message, None), expected, "{message}");
        }
    }

    #[test]
    fn other_texts_are_only_counted() {
        for message in [
            "",
            "customer 4111 is blocked",
            "Duplicate user alice",
            "value \"a\" is bad",
            "Anweisung: select geheim",
            "Relation »geheim« existiert nicht",
            "リレーション\"秘密\"は存在しません",
            "relation \"a\" does not exist, said alice",
            "first\nsecond",
            "could not connect to mail.example@host.org: no.",
        ] {
            assert_eq!(shown(message, None), UNKNOWN, "{message}");
        }
    }

    #[test]
    fn a_violated_constraint_is_named() {
        let message = "insert or update on table \"orders\" violates foreign key constraint \"orders_fk2\"";
        assert_eq!(shown(message, Some("23503")), message);
        let hidden = "insert or update on table \"…\" violates foreign key constraint \"…\"";
        assert_eq!(shown(message, Some("22000")), hidden);
        assert_eq!(shown(message, None), hidden);
        let unique = "duplicate key value violates unique constraint \"…\"";
        assert_eq!(shown("duplicate key value violates unique constraint \"4111 1111\"", Some("23505")), unique);
        assert_eq!(shown("Duplicate user 4711", Some("23505")), UNKNOWN);
        assert_eq!(shown("relation \"secret\" does not exist", Some("23505")), "relation \"…\" does not exist");
    }

    #[test]
    fn a_long_statement_does_not_hide_what_the_entry_is() {
        let message = format!("duration: 12.3 ms  statement: select '{}'", "é".repeat(COMPARED));
        assert_eq!(shown(&message, None), "duration: … ms  statement: …");
    }

    proptest! {
        #[test]
        fn no_value_comes_through(value in "[A-Za-z0-9 \"'%:.\n]{0,40}", known in 0..6) {
            let value = format!("S3CRET{value}S3CRET");
            let message = match known {
                0 => value,
                1 => format!("relation \"{value}\" does not exist"),
                2 => format!("duplicate key value violates unique constraint \"{value} 1\""),
                3 => format!("duration: 1.2 ms  statement: select '{value}'"),
                4 => format!("could not open file \"{value}\": {value}"),
                _ => format!("process 1 still waiting for {value} on {value} after 1 ms"),
            };
            let shown = shown(&message, Some("23505"));
            prop_assert!(shown.len() <= CAP + HIDDEN.len());
            prop_assert!(!shown.contains("S3CRET"), "{message} -> {shown}");
        }
    }
}
