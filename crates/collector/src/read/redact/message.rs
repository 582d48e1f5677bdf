//! What of a message may leave: its words. Values, which may be anybody's data, become `…`.
//!
//! # Promise
//! - Nothing between quotes comes through, from the first quote to the last of its kind: a value may hold quotes itself. Names of constraints,
//!   tables and columns do where the SQLSTATE says that a constraint was violated (class 23), since that is all that tells which.
//! - No word that holds a digit or an `@` comes through: numbers, times, addresses, identifiers.
//! - No statement comes through (`log_statement`, `log_min_duration_statement`, `auto_explain`, `pgaudit`): what follows its mark is hidden.
//! - Of several lines only the first, and of it [`CAP`] bytes; without the place in the statement that stderr has at its end.
//!
//! Words outside of quotes are let through: what a function's author writes into a `RAISE` without quotes is shown.

use super::redacted::Redacted;

/// Stands for what is hidden.
const HIDDEN: &str = "…";
/// PostgreSQL's own messages are shorter.
const CAP: usize = 200;
/// What follows these at the beginning is a statement, a plan, or its parameters.
const STATEMENTS: [&str; 7] = ["statement:", "execute ", "parse ", "bind ", "fastpath function call:", "plan:", "AUDIT:"];
/// Words with a digit that are no values.
const WORDS: [&str; 2] = ["IPv4", "IPv6"];
/// A constraint was violated.
const INTEGRITY: &str = "23";
/// Opening and closing quotes of PostgreSQL's translations.
const QUOTES: [(char, &[char]); 11] = [
    ('"', &['"']),
    ('“', &['”']),
    ('”', &['”']),
    ('„', &['“', '”']),
    ('«', &['»']),
    ('»', &['«', '»']),
    ('‹', &['›']),
    ('‘', &['’']),
    ('「', &['」']),
    ('『', &['』']),
    ('\'', &['\'']),
];
/// Labels in front of a message that is no statement, in English. Labels are translated, so behind any other first word with a colon may
/// stand a statement: `Anweisung: select …`.
const LABELS: [&str; 2] = ["duration", "recovery"];

/// The message without values.
pub(crate) fn message(text: &str, sqlstate: Option<&str>) -> Redacted {
    Redacted::new(template(text, sqlstate))
}

fn template(message: &str, sqlstate: Option<&str>) -> String {
    let line = without_position(message.lines().next().unwrap_or_default().trim_end());
    if let Some(mark) = STATEMENTS.iter().find(|mark| line.starts_with(*mark)) {
        return format!("{} {HIDDEN}", mark.trim_end());
    }
    if let Some(label) = label(line).filter(|label| !LABELS.contains(label)) {
        // A label is a word; anything else may be a value itself.
        return if label.chars().all(char::is_alphabetic) { format!("{label}: {HIDDEN}") } else { HIDDEN.to_owned() };
    }
    // "duration: 0.123 ms  statement: …": two spaces stand before what follows in every language.
    let (line, more) = line.split_once("  ").map_or((line, false), |(front, _)| (front, true));
    let names = sqlstate.is_some_and(|code| code.starts_with(INTEGRITY));
    let mut out = String::with_capacity(line.len().min(CAP));
    let mut rest = line;
    let mut before = ' ';
    while let Some(c) = rest.chars().next() {
        let opens = QUOTES.iter().find(|(open, _)| *open == c);
        if let Some((_, closing)) = opens
            // An apostrophe is no quote.
            && !(c == '\'' && before.is_alphanumeric())
        {
            let inside = &rest[c.len_utf8()..];
            let name = inside.match_indices(*closing).next().filter(|(end, _)| names && is_name(&inside[..*end]));
            if let Some((end, close)) = name {
                let (quoted, behind) = rest.split_at(c.len_utf8() + end + close.len());
                out.push_str(quoted);
                rest = behind;
            } else {
                out.push(c);
                out.push_str(HIDDEN);
                // One that is not closed goes on to the end.
                rest = inside.rmatch_indices(*closing).next().map_or("", |(end, close)| {
                    out.push_str(close);
                    &inside[end + close.len()..]
                });
            }
            before = c;
        } else if is_of_word(c) {
            let length = rest.find(|c| !is_of_word(c)).unwrap_or(rest.len());
            let word = &rest[..length];
            // A full stop or colon behind a word is the sentence's.
            let bare = word.trim_end_matches(['.', ':', '-', '/']);
            if bare.contains(|c: char| c.is_numeric() || c == '@') && !WORDS.contains(&bare) {
                out.push_str(HIDDEN);
                out.push_str(&word[bare.len()..]);
            } else {
                out.push_str(word);
            }
            before = word.chars().next_back().unwrap_or(' ');
            rest = &rest[length..];
        } else {
            out.push(c);
            before = c;
            rest = &rest[c.len_utf8()..];
        }
    }
    if more {
        out.push(' ');
        out.push_str(HIDDEN);
    }
    cap(out)
}

/// The first word, if a colon stands behind it; in French with a blank between.
fn label(line: &str) -> Option<&str> {
    let mut words = line.split_whitespace();
    let first = words.next()?;
    let bare = first.trim_end_matches([':', '：']);
    (bare.len() < first.len() || words.next() == Some(":")).then_some(bare)
}

/// The line without " at character 8", which the other formats have in a field of its own.
fn without_position(line: &str) -> &str {
    match line.rsplit_once(" at character ") {
        Some((said, at)) if !at.is_empty() && at.bytes().all(|byte| byte.is_ascii_digit()) => said,
        _ => line,
    }
}

fn is_of_word(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '.' | '-' | ':' | '/' | '%' | '+' | '@' | '$')
}

/// An identifier that needs no quotes, of at most the length PostgreSQL keeps.
fn is_name(text: &str) -> bool {
    text.len() <= 63
        && text.starts_with(|c: char| c.is_alphabetic() || c == '_')
        && text.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '$'))
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
    fn words_stay_and_values_go() {
        for (message, shown) in [
            ("division by zero", "division by zero"),
            ("database system is ready to accept connections", "database system is ready to accept connections"),
            ("invalid input syntax for type integer: \"4111 1111\"", "invalid input syntax for type integer: \"…\""),
            ("value \"a\"b\" of \"c\" is bad", "value \"…\" is bad"),
            ("syntax error at or near \"secret", "syntax error at or near \"…"),
            (
                "process 77 still waiting for ShareLock on transaction 815 after 1000.123 ms",
                "process … still waiting for ShareLock on transaction … after … ms",
            ),
            ("checkpoint complete: wrote 12 buffers (0.1%); lsn=0/1A2B3C", "checkpoint complete: wrote … buffers (…); lsn=…"),
            ("listening on IPv4 address \"0.0.0.0\", port 5432", "listening on IPv4 address \"…\", port …"),
            ("could not connect to mail.example@host.org: no.", "could not connect to …: no."),
            ("client's session can't go on", "client's session can't go on"),
            ("value 'secret' is bad", "value '…' is bad"),
            ("ungültige Eingabe: „geheim“", "ungültige Eingabe: „…“"),
            ("syntaxe « secret » fausse", "syntaxe «…» fausse"),
            ("duration: 12.3 ms  statement: select secret", "duration: … ms …"),
            ("Dauer: 12.3 ms  Anweisung: select geheim", "Dauer: …"),
            ("Anweisung: select geheim", "Anweisung: …"),
            ("文: select 秘密", "文: …"),
            ("instruction : select secret", "instruction: …"),
            ("Relation »geheim« existiert nicht", "Relation »…« existiert nicht"),
            ("リレーション「秘密」は存在しません", "リレーション「…」は存在しません"),
            ("statement: select secret", "statement: …"),
            ("execute <unnamed>: select secret", "execute …"),
            ("AUDIT: SESSION,1,1,READ,SELECT,,,select secret", "AUDIT: …"),
            ("relation \"a\" does not exist at character 15", "relation \"…\" does not exist"),
            ("odd at character x", "odd at character x"),
            ("first\nsecret", "first"),
            ("", ""),
        ] {
            assert_eq!(template(message, None), shown, "{message}");
        }
    }

    #[test]
    fn a_violated_constraint_is_named() {
        let message = "insert or update on table \"orders\" violates foreign key constraint \"orders_fk2\"";
        assert_eq!(template(message, Some("23503")), message);
        assert_eq!(template(message, Some("22000")), "insert or update on table \"…\"");
        assert_eq!(template("key \"4111 1111\" is bad", Some("23505")), "key \"…\" is bad");
        assert_eq!(template("Duplicate user 4711", Some("23505")), "Duplicate user …");
    }

    proptest! {
        #[test]
        fn anything_is_bounded_and_holds_no_digit(text in "\\PC{0,400}") {
            let shown = template(&text, None);
            prop_assert!(shown.len() <= CAP + HIDDEN.len());
            let words = WORDS.iter().fold(shown.clone(), |shown, word| shown.replace(word, ""));
            prop_assert!(!words.contains(|c: char| c.is_ascii_digit()), "{text} -> {shown}");
        }

        #[test]
        fn what_is_quoted_is_hidden(front in "[a-z :]{0,20}", inner in "[\" a-z]{0,20}", back in "[a-z ]{0,20}") {
            let shown = template(&format!("x{front} \"SECRET{inner}SECRET\"{back}"), None);
            prop_assert!(!shown.contains("SECRET"), "{shown}");
        }
    }
}
