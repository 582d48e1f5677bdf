//! Takes the literals out of a statement's text: what stood between quotes becomes `'…'`.
//!
//! # Promise
//! - No character of a string literal comes through: `'…'`, `E'…'`, `U&'…'`, `B''`, `X''`, `N''`, `$$…$$`, `$tag$…$tag$`, and
//!   quotes inside comments (`-- … ` and nested `/* … */`) as well. A literal that is not closed (a cut text) ends at the end.
//! - What is no literal comes through unchanged: identifiers in double quotes, numbers, operators, `$1`.
//! - Redacting twice changes nothing more.
//! - Where a text can be read in two ways, the careful one is taken: a backslash before the quote that ends a plain literal
//!   ends it or not, by the session's `standard_conforming_strings`; from there on nothing comes through.

use std::borrow::Cow;

use super::lexer::{Quoted, block_comment, continues_word, dollar_quoted, identifier, quoted};
use super::redacted::Redacted;

/// What stands for a literal.
const HIDDEN: &str = "'…'";

/// The statement without its literals.
#[must_use]
pub(crate) fn statement(text: &str) -> Redacted {
    Redacted::new(without_literals(text).into_owned())
}

fn without_literals(text: &str) -> Cow<'_, str> {
    if !text.contains(['\'', '$']) {
        return Cow::Borrowed(text);
    }
    let bytes = text.as_bytes();
    let mut out = String::with_capacity(text.len());
    let (mut at, mut kept) = (0, 0);
    while at < bytes.len() {
        // Right behind a literal nothing goes on, though a closing `$` looks as if.
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
                out.push_str(&comment(&text[at..end]));
                kept = end;
                (end, false)
            }
            b'/' if bytes[at..].starts_with(b"/*") => {
                let (end, closed) = block_comment(bytes, at);
                out.push_str(&text[kept..at]);
                let inner = &text[at + 2..if closed { end - 2 } else { end }];
                match comment(inner) {
                    Cow::Borrowed(_) => out.push_str(&text[at..end]),
                    // The hidden part may have held one end of a comment inside: no comments inside are left.
                    Cow::Owned(hidden) => {
                        out.push_str("/*");
                        out.push_str(&hidden.replace("/*", " ").replace("*/", " "));
                        // A '/' before the end mark would begin another one.
                        out.push_str(if hidden.ends_with('/') { " */" } else { "*/" });
                    }
                }
                kept = end;
                (end, false)
            }
            _ => (at + 1, false),
        };
        if literal {
            // Two that touch are one: otherwise what stands for them would be read as one with a quote inside.
            if kept < at || !out.ends_with(HIDDEN) {
                out.push_str(&text[kept..at]);
                out.push_str(HIDDEN);
            }
            kept = end;
        }
        at = end;
    }
    out.push_str(&text[kept..]);
    Cow::Owned(out)
}

/// A comment's text with everything from its first quote to its last hidden: statements that were commented out have literals
/// too. After a single quote the rest is hidden. Dollars count as quotes where there are two of them.
fn comment(text: &str) -> Cow<'_, str> {
    let dollars = text.matches('$').count() > 1;
    let quote = |c: char| c == '\'' || (dollars && c == '$');
    let (Some(first), Some(last)) = (text.find(quote), text.rfind(quote)) else { return Cow::Borrowed(text) };
    let tail = if first == last { "" } else { &text[last + 1..] };
    Cow::Owned(format!("{}{HIDDEN}{tail}", &text[..first]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn literals_of_every_kind_are_hidden_and_the_rest_stays() {
        for (text, redacted) in [
            ("select 1", "select 1"),
            ("select $1, $2", "select $1, $2"),
            ("alter role a password 'hunter2'", "alter role a password '…'"),
            ("select 'it''s', 2", "select '…', 2"),
            (r"select E'it\'s', e'\\', 2", r"select E'…', e'…', 2"),
            (r"select 'C:\\dir', 2", r"select '…', 2"),
            (r"select 'C:\', secret'", r"select '…'"),
            ("select U&'d\\0061t', B'01', X'ff', N'n'", "select U&'…', B'…', X'…', N'…'"),
            ("do $$ begin secret end $$ language x", "do '…' language x"),
            ("select $a$ it's $$ $b$ $a$ || 1", "select '…' || 1"),
            ("select a$b$c, $1$2", "select a$b$c, $1$2"),
            ("select \"it's\", 'x' as \"q\"\"'\"", "select \"it's\", '…' as \"q\"\"'\""),
            ("select 1 -- don't\n, 'x'", "select 1 -- don'…'\n, '…'"),
            ("/*a='b',c='d'*/ select 'x'", "/*a='…'*/ select '…'"),
            ("/* /* it's */ */ select 'x'", "/*   it'…'*/ select '…'"),
            ("select 'cut off", "select '…'"),
            ("select $x$cut off", "select '…'"),
            ("select $$a$$$$secret$$", "select '…'"),
            ("select $$$$$$secret", "select '…'"),
            (r"select $$a$$E'it\'s', 2", r"select '…'E'…', 2"),
            ("select type'a', 'b'", "select type'…', '…'"),
            ("create user u password 'geheim😀' valid until 'x'", "create user u password '…' valid until '…'"),
        ] {
            assert_eq!(without_literals(text), redacted, "{text}");
        }
    }

    /// Pieces of SQL between which a secret literal is put.
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
        fn no_secret_comes_through(front in surroundings(), back in surroundings(), kind in 0..6) {
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
        fn anything_is_redacted_without_panic_and_twice_is_as_once(text in "[a-zE'$\\\\\"/* \n\\-1…é]{0,40}") {
            let once = without_literals(&text).into_owned();
            prop_assert_eq!(without_literals(&once).into_owned(), once);
        }
    }
}
