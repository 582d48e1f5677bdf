//! Removes everything that may be a value from a statement: a string becomes `'…'`, a number or a comment becomes `…`.
//!
//! # Promise
//! - No character of a string literal stays: `'…'`, `E'…'`, `U&'…'`, `B''`, `X''`, `N''`, `$$…$$`, `$tag$…$tag$`. An unclosed literal (in a
//!   cut text) extends to the end of the text.
//! - No number stays. pg_stat_statements itself replaces numbers in queries, but not in CALL, SET, COPY and DDL.
//! - No comment stays, because tools write addresses, users and requests into comments. Only [`MUTE`] stays, which is meant for
//!   pganalytics.
//! - Everything else stays unchanged: keywords, identifiers (with their digits), operators, parameters such as `$1`.
//! - Redacting a redacted text changes nothing.
//! - If a text can be read in two ways, the safer one is taken. A backslash before the closing quote of a plain literal may escape the
//!   quote or not, depending on the session's `standard_conforming_strings`: everything after it is removed.

use super::lexer::{Quoted, block_comment, continues_word, dollar_quoted, identifier, quoted};
use super::redacted::Redacted;

/// The placeholder for a literal.
const HIDDEN: &str = "'…'";

/// The placeholder for a number and for the content of a comment.
const REMOVED: &str = "…";
/// The comment that mutes the checks of a statement.
const MUTE: &str = "pganalytics:mute";

/// Returns the statement without its literals.
#[must_use]
pub(crate) fn statement(text: &str) -> Redacted {
    Redacted::new(without_literals(text))
}

fn without_literals(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = String::with_capacity(text.len());
    let (mut at, mut kept) = (0, 0);
    while at < bytes.len() {
        // No word continues directly after a literal, although a closing `$` looks like part of a word.
        let continues = |at: usize| at != kept && continues_word(bytes, at);
        let (end, literal) = match bytes[at] {
            b'\'' => match quoted(bytes, at, at > 0 && matches!(bytes[at - 1], b'e' | b'E') && !continues(at - 1)) {
                Quoted::Ends(end) => (end, true),
                Quoted::Open | Quoted::Doubtful => (bytes.len(), true),
            },
            b'$' if !continues(at) => match dollar_quoted(bytes, at) {
                Some(end) => (end, true),
                None => (at + 1, false),
            },
            b'"' => (identifier(bytes, at), false),
            b'-' if bytes[at..].starts_with(b"--") => {
                let end = bytes[at..].iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |length| at + length);
                out.push_str(&text[kept..at]);
                out.push_str("--");
                out.push_str(comment(&text[at + 2..end]));
                kept = end;
                (end, false)
            }
            b'/' if bytes[at..].starts_with(b"/*") => {
                let (end, closed) = block_comment(bytes, at);
                out.push_str(&text[kept..at]);
                let inner = &text[at + 2..if closed { end - 2 } else { end }];
                out.push_str("/*");
                out.push_str(comment(inner));
                out.push_str("*/");
                kept = end;
                (end, false)
            }
            byte if byte.is_ascii_digit() && !continues(at) => {
                out.push_str(&text[kept..at]);
                out.push_str(REMOVED);
                kept = number(bytes, at);
                (kept, false)
            }
            _ => (at + 1, false),
        };
        if literal {
            // Two adjacent literals become one placeholder. Two placeholders would be read as one literal with a quote inside.
            if kept < at || !out.ends_with(HIDDEN) {
                out.push_str(&text[kept..at]);
                out.push_str(HIDDEN);
            }
            kept = end;
        }
        at = end;
    }
    out.push_str(&text[kept..]);
    out
}

/// Returns the part of a comment that stays.
fn comment(inner: &str) -> &'static str {
    if inner.trim() == MUTE { MUTE } else { REMOVED }
}

/// The end of the number that begins at `at`, including fraction, exponent, base prefix and separators (`1.5e-3`, `0xff`, `1_000`).
fn number(bytes: &[u8], at: usize) -> usize {
    let mut end = at;
    while end < bytes.len() {
        let signed = matches!(bytes[end], b'+' | b'-')
            && matches!(bytes[end - 1], b'e' | b'E')
            && bytes.get(end + 1).is_some_and(u8::is_ascii_digit);
        if !(bytes[end].is_ascii_alphanumeric() || matches!(bytes[end], b'.' | b'_') || signed) {
            break;
        }
        end += 1;
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_kind_of_literal_is_hidden_and_the_rest_is_kept() {
        for (text, redacted) in [
            ("select 1", "select …"),
            ("select $1, $2", "select $1, $2"),
            ("alter role a password 'hunter2'", "alter role a password '…'"),
            ("select 'it''s', 2", "select '…', …"),
            (r"select E'it\'s', e'\\', 2", r"select E'…', e'…', …"),
            (r"select 'C:\\dir', 2", r"select '…', …"),
            (r"select 'C:\', secret'", r"select '…'"),
            ("select U&'d\\0061t', B'01', X'ff', N'n'", "select U&'…', B'…', X'…', N'…'"),
            ("do $$ begin secret end $$ language x", "do '…' language x"),
            ("select $a$ it's $$ $b$ $a$ || 1", "select '…' || …"),
            ("select a$b$c, $1$2", "select a$b$c, $1$2"),
            ("select \"it's\", 'x' as \"q\"\"'\"", "select \"it's\", '…' as \"q\"\"'\""),
            ("select 1 -- don't\n, 'x'", "select … --…\n, '…'"),
            ("/*a='b',c='d'*/ select 'x'", "/*…*/ select '…'"),
            ("/* /* it's */ */ select 'x'", "/*…*/ select '…'"),
            ("/* from 10.0.0.7 */ select $1 -- alice", "/*…*/ select $1 --…"),
            ("/* pganalytics:mute */ select 1", "/*pganalytics:mute*/ select …"),
            ("call pay(4111, -1.5e-3, 0xff, 1_000)", "call pay(…, -…, …, …)"),
            ("set work_mem to 4096", "set work_mem to …"),
            ("select t1.c2, $12 from s3.t1 limit 10", "select t1.c2, $12 from s3.t1 limit …"),
            ("copy t2 from stdin (header 1)", "copy t2 from stdin (header …)"),
            ("select 'cut off", "select '…'"),
            ("select $x$cut off", "select '…'"),
            ("select $$a$$$$secret$$", "select '…'"),
            ("select $$$$$$secret", "select '…'"),
            (r"select $$a$$E'it\'s', 2", r"select '…'E'…', …"),
            ("select type'a', 'b'", "select type'…', '…'"),
            ("create user u password 'geheim😀' valid until 'x'", "create user u password '…' valid until '…'"),
        ] {
            assert_eq!(without_literals(text), redacted, "{text}");
        }
    }

    /// Pieces of SQL that surround a secret literal.
    fn surroundings() -> impl Strategy<Value = String> {
        proptest::collection::vec(
            prop_oneof![
                Just("select 1 "),
                Just("\"id\"\"x'\" "),
                Just("'a''b' "),
                Just("$1 "),
                Just("-- it's\n"),
                Just("/* /* $x$ ' */ */ "),
                Just("$f$ ' $$ $f$ "),
                Just("E'\\'' "),
                Just("é "),
                Just("a$b "),
            ],
            0..6,
        )
        .prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn no_secret_is_shipped(front in surroundings(), back in surroundings(), kind in 0..6) {
            let secret = "S3CRET";
            let literal = match kind {
                0 => format!("'{secret}'"),
                1 => format!("E'\\'{secret}'"),
                2 => format!("$${secret}$$"),
                3 => format!("$t${secret}$t$"),
                4 => format!("U&'{secret}''{secret}'"),
                _ => format!("'x\\'{secret}'"),
            };
            let text = format!("{front} {literal} {back}");
            prop_assert!(!without_literals(&text).contains(secret), "{} -> {}", text, without_literals(&text));
        }

        #[test]
        fn redaction_never_panics_and_is_idempotent(text in "[a-zE'$\\\\\"/* \n\\-1…é]{0,40}") {
            let once = without_literals(&text);
            prop_assert_eq!(without_literals(&once), once);
        }
    }
}
