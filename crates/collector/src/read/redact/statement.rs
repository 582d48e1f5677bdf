//! Removes everything that may be a value from a statement: a string becomes `'…'`, a number or a comment becomes `…`.
//!
//! # Promise
//! - No character of a string literal stays: `'…'`, `E'…'`, `U&'…'`, `B''`, `X''`, `N''`, `$$…$$`, `$tag$…$tag$`. An unclosed literal (in a
//!   cut text) extends to the end of the text.
//! - No number stays. pg_stat_statements itself replaces numbers in queries, but not in CALL, SET, COPY and DDL.
//! - No value of a setting stays, not even one that looks like a name: `set app.tenant = alice`, `alter role a set x to b`.
//! - No comment stays, because tools write addresses, users and requests into comments. Only [`MUTE`] stays, which is meant for
//!   pganalytics.
//! - Everything else stays unchanged: keywords, identifiers (with their digits), operators, parameters such as `$1`.
//! - Redacting a redacted text changes nothing.
//! - If a text can be read in two ways, the safer one is taken. A backslash before the closing quote of a plain literal may escape the
//!   quote or not, depending on the session's `standard_conforming_strings`: everything after it is removed.

use super::lexer::{Quoted, block_comment, continues_word, dollar_quoted, identifier, quoted};
use super::redacted::Redacted;
use super::setting::Setting;

/// The placeholder for a literal.
const HIDDEN: &str = "'…'";

/// The placeholder for a number and for the content of a comment.
const REMOVED: &str = "…";
/// The only comment that stays: it mutes the checks of a statement.
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
    let mut setting = Setting::Start;
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
            b'"' => {
                let mut end = identifier(bytes, at);
                if setting.quoted() {
                    end = word(bytes, end);
                    remove(&mut out, &text[kept..at]);
                    kept = end;
                }
                (end, false)
            }
            b'-' if bytes[at..].starts_with(b"--") => {
                let end = bytes[at..].iter().position(|byte| matches!(byte, b'\n' | b'\r')).map_or(bytes.len(), |length| at + length);
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
                remove(&mut out, &text[kept..at]);
                kept = number(bytes, at);
                setting.quoted();
                (kept, false)
            }
            byte if begins_word(byte) && !continues(at) => {
                let end = word(bytes, at);
                if setting.word(&text[at..end], at > 0 && bytes[at - 1] == b'.') {
                    remove(&mut out, &text[kept..at]);
                    kept = end;
                }
                (end, false)
            }
            byte => {
                setting.sign(byte);
                (at + 1, false)
            }
        };
        if literal {
            setting.quoted();
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

/// Appends the text before a value, and the placeholder of the value. Two adjacent placeholders become one.
fn remove(out: &mut String, before: &str) {
    if !before.is_empty() || !out.ends_with(REMOVED) {
        out.push_str(before);
        out.push_str(REMOVED);
    }
}

/// Whether a word may begin with this byte.
fn begins_word(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_' || byte >= 0x80
}

/// The end of the word that begins at `at`.
fn word(bytes: &[u8], at: usize) -> usize {
    let length = bytes[at..].iter().position(|byte| !(begins_word(*byte) || byte.is_ascii_digit() || *byte == b'$'));
    length.map_or(bytes.len(), |length| at + length)
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
        if !(bytes[end].is_ascii_alphanumeric() || matches!(bytes[end], b'.' | b'_' | 0x80..) || signed) {
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
            ("set app.tenant = alice", "set app.tenant = …"),
            ("SET LOCAL app.zone TO alice, \"Bob\", 'c', -1, carl;select a", "SET LOCAL app.zone TO …, …, '…', -…, …;select a"),
            ("set search_path = \"$user\", public", "set search_path = …, …"),
            ("set /* x */ time zone Berlin", "set /*…*/ time zone …"),
            ("set names latin1", "set names …"),
            ("set enable_seqscan = off; set role alice", "set enable_seqscan = off; set role alice"),
            ("set app.x = E'a\\'b'", "set app.x = …'…'"),
            ("alter system set cluster_name to alice", "alter system set cluster_name to …"),
            ("alter role a in database b set app.x = alice", "alter role a in database b set app.x = …"),
            ("alter database b set app.x from current", "alter database b set app.x from current"),
            (
                "create or replace function f(a int default 5) returns int set app.x = alice, bob set y to z as $$ secret $$ language sql",
                "create or replace function f(a int default …) returns int set app.x = …, … set y to … as '…' language sql",
            ),
            ("update t set a = b, c = d where e = f", "update t set a = b, c = d where e = f"),
            (
                "insert into t values ($1) on conflict (a) do update set b = excluded.b",
                "insert into t values ($1) on conflict (a) do update set b = excluded.b",
            ),
            ("alter table t set (fillfactor = 70), alter a set default b", "alter table t set (fillfactor = …), alter a set default b"),
            ("create table t (n int default 42, m text default 'x')", "create table t (n int default …, m text default '…')"),
            (
                "create table p partition of t for values from (1, '2026-01-01') to (2, maxvalue)",
                "create table p partition of t for values from (…, '…') to (…, maxvalue)",
            ),
            ("alter role a valid until '2026-01-01' connection limit 5", "alter role a valid until '…' connection limit …"),
            (
                "create user mapping for a server s options (user 'bob', password 'x')",
                "create user mapping for a server s options (user '…', password '…')",
            ),
            ("select 1 -- a\rfrom t", "select … --…\rfrom t"),
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
        fn no_value_of_a_setting_comes_through(
            front in surroundings(),
            begin in "set |set local |SET SESSION |alter role r set |alter system set |create function f() returns int set ",
            is in " = | to |=| TO\n",
            value in "s3cret|\"s3cret\"|a, s3cret|off,s3cret|-1, s3cret|/[*] x [*]/ s3cret|s3cret_é|s3cret[$]1",
        ) {
            let text = format!("{front}; {begin}app.x{is}{value} ");
            prop_assert!(!without_literals(&text).contains("s3cret"), "{} -> {}", text, without_literals(&text));
        }

        #[test]
        fn redaction_never_panics_and_is_idempotent(text in "[a-zE'$\\\\\"/* \n\\-1…é]{0,40}") {
            let once = without_literals(&text);
            prop_assert_eq!(without_literals(&once), once);
        }
    }
}
