//! Redacts a log message: words stay; values, which may be private data, become `…`.
//!
//! # Promise
//! - No text between quotes stays, from the first quote to the last quote of the same kind, because a value may contain quotes itself. The
//!   exception are the names of constraints, tables and columns if the SQLSTATE reports a violated constraint (class 23): only these names
//!   tell which constraint it is.
//! - No word with a digit or an `@` stays: numbers, times, addresses, identifiers.
//! - No statement stays (`log_statement`, `log_min_duration_statement`, `auto_explain`, `pgaudit`): the text after its mark is hidden.
//! - Only the first line stays, and of it at most [`CAP`] bytes. The position in the statement, which stderr appends, is removed.
//!
//! Words outside of quotes stay: if a function's author writes a value into a `RAISE` without quotes, the value is shown.

use super::redacted::Redacted;

/// The placeholder for hidden text.
const HIDDEN: &str = "…";
/// The most bytes of a message. PostgreSQL's own messages are shorter.
const CAP: usize = 200;
/// The first words of a message that are followed by a statement, a plan, or their parameters.
const STATEMENTS: [&str; 7] = ["statement:", "execute ", "parse ", "bind ", "fastpath function call:", "plan:", "AUDIT:"];
/// Words with a digit that are not values.
const WORDS: [&str; 2] = ["IPv4", "IPv6"];
/// The SQLSTATE class of violated constraints.
const INTEGRITY: &str = "23";
/// The opening and closing quotes in PostgreSQL's translations.
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
/// The English labels that are not followed by a statement. Labels are translated, so any other first word with a colon may be followed by
/// a statement: `Anweisung: select …`.
const LABELS: [&str; 2] = ["duration", "recovery"];

/// Redacts a message.
pub(crate) fn message(text: &str, sqlstate: Option<&str>) -> Redacted {
    Redacted::new(template(text, sqlstate))
}

fn template(message: &str, sqlstate: Option<&str>) -> String {
    let line = without_position(message.lines().next().unwrap_or_default().trim_end());
    if let Some(mark) = STATEMENTS.iter().find(|mark| line.starts_with(*mark)) {
        return format!("{} {HIDDEN}", mark.trim_end());
    }
    if let Some(label) = label(line).filter(|label| !LABELS.contains(label)) {
        // A label consists of letters. Anything else may be a value itself.
        return if label.chars().all(char::is_alphabetic) { format!("{label}: {HIDDEN}") } else { HIDDEN.to_owned() };
    }
    // "duration: 0.123 ms  statement: …": in every language, two spaces precede the second part.
    let (line, more) = line.split_once("  ").map_or((line, false), |(front, _)| (front, true));
    let names = sqlstate.is_some_and(|code| code.starts_with(INTEGRITY));
    let mut out = String::with_capacity(line.len().min(CAP));
    let mut rest = line;
    let mut before = ' ';
    while let Some(c) = rest.chars().next() {
        let opens = QUOTES.iter().find(|(open, _)| *open == c);
        if let Some((_, closing)) = opens
            // An apostrophe is not a quote.
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
                // An unclosed quote extends to the end.
                rest = inside.rmatch_indices(*closing).next().map_or("", |(end, close)| {
                    out.push_str(close);
                    &inside[end + close.len()..]
                });
            }
            before = c;
        } else if is_of_word(c) {
            let length = rest.find(|c| !is_of_word(c)).unwrap_or(rest.len());
            let word = &rest[..length];
            // A full stop or colon after a word belongs to the sentence.
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

/// Returns the first word if a colon follows it. In French, a space is between them.
fn label(line: &str) -> Option<&str> {
    let mut words = line.split_whitespace();
    let first = words.next()?;
    let bare = first.trim_end_matches([':', '：']);
    (bare.len() < first.len() || words.next() == Some(":")).then_some(bare)
}

/// Removes " at character 8" from the line. The other formats have the position in its own field.
fn without_position(line: &str) -> &str {
    match line.rsplit_once(" at character ") {
        Some((said, at)) if !at.is_empty() && at.bytes().all(|byte| byte.is_ascii_digit()) => said,
        _ => line,
    }
}

fn is_of_word(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '.' | '-' | ':' | '/' | '%' | '+' | '@' | '$')
}

/// Whether the text is an identifier that needs no quotes, of at most the length that PostgreSQL keeps.
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
    fn words_are_kept_and_values_are_hidden() {
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
    fn the_name_of_a_violated_constraint_is_kept() {
        let message = "insert or update on table \"orders\" violates foreign key constraint \"orders_fk2\"";
        assert_eq!(template(message, Some("23503")), message);
        assert_eq!(template(message, Some("22000")), "insert or update on table \"…\"");
        assert_eq!(template("key \"4111 1111\" is bad", Some("23505")), "key \"…\" is bad");
        assert_eq!(template("Duplicate user 4711", Some("23505")), "Duplicate user …");
    }

    proptest! {
        #[test]
        fn any_redacted_text_is_bounded_and_has_no_digits(text in "\\PC{0,400}") {
            let shown = template(&text, None);
            prop_assert!(shown.len() <= CAP + HIDDEN.len());
            let words = WORDS.iter().fold(shown.clone(), |shown, word| shown.replace(word, ""));
            prop_assert!(!words.contains(|c: char| c.is_ascii_digit()), "{text} -> {shown}");
        }

        #[test]
        fn quoted_text_is_hidden(front in "[a-z :]{0,20}", inner in "[\" a-z]{0,20}", back in "[a-z ]{0,20}") {
            let shown = template(&format!("x{front} \"SECRET{inner}SECRET\"{back}"), None);
            prop_assert!(!shown.contains("SECRET"), "{shown}");
        }
    }
}
