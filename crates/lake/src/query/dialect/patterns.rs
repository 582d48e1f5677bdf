//! Regular expressions and `LIKE` patterns of PostgreSQL, for the engine's regular expressions.
//!
//! In PostgreSQL a point matches a line break too, escapes such as `\m` and `\y` exist, and of several alternatives the longest matches. What
//! the engine cannot match is refused.

use std::sync::Arc;

use arrow::array::cast::AsArray as _;
use arrow::array::{ArrayRef, StringViewArray};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use datafusion::error::Result;

use super::define::{Defined, Shown};
use super::kinds::{Family, refused};

/// The functions that translate patterns which are not literals.
pub(crate) fn functions() -> Vec<Defined> {
    vec![
        Defined::new("regex", Shown::Argument, types, |args, _| each(&args[0], |pattern| regex(pattern, false))),
        Defined::new("regex_found", Shown::Argument, types, |args, _| each(&args[0], |pattern| regex(pattern, true))),
        Defined::new("regex_replacement", Shown::Argument, types, |args, _| each(&args[0], replacement)),
    ]
}

fn types(types: &[DataType]) -> Result<(Vec<DataType>, DataType)> {
    match types {
        [from] if matches!(Family::of(from), Family::Text | Family::Null) => Ok((vec![DataType::Utf8View], DataType::Utf8View)),
        _ => Err(refused("a pattern is a text")),
    }
}

fn each(patterns: &ArrayRef, translate: impl Fn(&str) -> Result<String>) -> Result<ArrayRef> {
    let patterns = cast(patterns, &DataType::Utf8View)?;
    let made: StringViewArray =
        patterns.as_string_view().iter().map(|pattern| pattern.map(&translate).transpose()).collect::<Result<_>>()?;
    Ok(Arc::new(made))
}

fn refuse(pattern: &str, what: &str) -> datafusion::error::DataFusionError {
    refused(format!("regular expression '{pattern}': {what}"))
}

/// Translates a regular expression. `found`: what matches is used, not only whether something does.
pub(crate) fn regex(pattern: &str, found: bool) -> Result<String> {
    let (options, body) = options(pattern)?;
    let mut made = format!("(?{options})");
    let mut rest = body;
    let (mut lazy, mut greedy) = (false, false);
    while let Some(c) = rest.chars().next() {
        let after = &rest[c.len_utf8()..];
        match c {
            '\\' => {
                let Some(escaped) = after.chars().next() else { return Err(refuse(pattern, "it ends with a backslash")) };
                made.push_str(&escape(pattern, escaped)?);
                rest = &after[escaped.len_utf8()..];
                continue;
            }
            '[' => {
                let length = bracket(pattern, rest, &mut made)?;
                rest = &rest[length..];
                continue;
            }
            '(' if after.starts_with("?=") || after.starts_with("?!") || after.starts_with("?<") => {
                return Err(refuse(pattern, "lookahead and lookbehind are not supported; use several conditions"));
            }
            // The question mark of a group, `(?:`.
            '?' if rest.len() < body.len() && body[..body.len() - rest.len()].ends_with('(') => made.push(c),
            '{' if !after.starts_with(|c: char| c.is_ascii_digit()) => made.push_str(r"\{"),
            '*' | '+' | '?' | '{' => {
                let length = if c == '{' { rest.find('}').ok_or_else(|| refuse(pattern, "a brace is not closed"))? + 1 } else { 1 };
                made.push_str(&rest[..length]);
                rest = &rest[length..];
                match rest.strip_prefix('?') {
                    Some(after) => {
                        lazy = true;
                        made.push('?');
                        rest = after;
                    }
                    None => greedy = true,
                }
                continue;
            }
            _ => made.push(c),
        }
        rest = after;
    }
    if found && lazy && greedy {
        return Err(refuse(pattern, "greedy and non-greedy parts in one pattern match otherwise in PostgreSQL; use only one kind"));
    }
    if found && body.contains('|') {
        // The engine takes the first alternative that matches, PostgreSQL the longest.
        return alternatives(pattern, &options, body);
    }
    Ok(made)
}

/// The options in front of a pattern, `(?i)`, as the engine writes them. A point matches line breaks unless they say otherwise.
fn options(pattern: &str) -> Result<(String, &str)> {
    if pattern.starts_with("***") {
        return Err(refuse(pattern, "a prefix of asterisks is not supported"));
    }
    let letters = pattern
        .strip_prefix("(?")
        .and_then(|rest| rest.split_once(')'))
        .filter(|(letters, _)| letters.chars().all(|c| c.is_ascii_alphabetic()));
    let Some((letters, body)) = letters.filter(|(letters, _)| !letters.is_empty()) else { return Ok(("s".into(), pattern)) };
    Ok((flags(pattern, letters)?, body))
}

/// Flags of PostgreSQL as the engine writes them.
fn flags(pattern: &str, letters: &str) -> Result<String> {
    let (mut insensitive, mut lines, mut expanded) = (false, false, false);
    for letter in letters.chars() {
        match letter {
            'i' => insensitive = true,
            'c' => insensitive = false,
            'n' | 'm' => lines = true,
            's' => lines = false,
            'x' => expanded = true,
            't' => expanded = false,
            other => return Err(refuse(pattern, &format!("the option '{other}' is not supported; supported are i, c, n, s and x"))),
        }
    }
    let on = [(insensitive, 'i'), (lines, 'm'), (!lines, 's'), (expanded, 'x')];
    Ok(on.iter().filter(|(on, _)| *on).map(|(_, letter)| letter).collect())
}

/// An escape outside brackets.
fn escape(pattern: &str, escaped: char) -> Result<String> {
    Ok(match escaped {
        'm' => r"\b{start}".into(),
        'M' => r"\b{end}".into(),
        'y' => r"\b".into(),
        'Y' => r"\B".into(),
        'Z' => r"\z".into(),
        'A' | 'd' | 'D' | 's' | 'S' | 'w' | 'W' | 'n' | 'r' | 't' | 'f' | 'v' | 'a' => format!("\\{escaped}"),
        'e' => r"\x1b".into(),
        '1'..='9' => return Err(refuse(pattern, "back references are not supported")),
        other if other.is_ascii_alphanumeric() => return Err(refuse(pattern, &format!("the escape \\{other} is not supported"))),
        other if other.is_ascii_punctuation() => format!("\\{other}"),
        other => other.to_string(),
    })
}

/// Translates a bracket expression, which `rest` begins with, and returns its length.
fn bracket(pattern: &str, rest: &str, made: &mut String) -> Result<usize> {
    let open = if rest.starts_with("[^") { "[^" } else { "[" };
    made.push_str(open);
    let mut at = open.len();
    // A closing bracket in first place is a character.
    if rest[at..].starts_with(']') {
        made.push_str(r"\]");
        at += 1;
    }
    while let Some(c) = rest[at..].chars().next() {
        let here = &rest[at..];
        match c {
            ']' => {
                made.push(']');
                return Ok(at + 1);
            }
            '[' if here.starts_with("[:") => {
                let end = here.find(":]").ok_or_else(|| refuse(pattern, "a character class is not closed"))?;
                made.push_str(&here[..end + 2]);
                at += end + 2;
                continue;
            }
            '[' if here.starts_with("[.") || here.starts_with("[=") => return Err(refuse(pattern, "collating elements are not supported")),
            '\\' => {
                let escaped = here[1..].chars().next().ok_or_else(|| refuse(pattern, "a bracket is not closed"))?;
                if !"dDsSwWnrtf".contains(escaped) && escaped.is_ascii_alphanumeric() {
                    return Err(refuse(pattern, &format!("the escape \\{escaped} is not supported in brackets")));
                }
                made.push('\\');
                made.push(escaped);
                at += 1 + escaped.len_utf8();
                continue;
            }
            // These have a meaning of their own in the engine's brackets.
            '[' | '&' | '~' => {
                made.push('\\');
                made.push(c);
            }
            _ => made.push(c),
        }
        at += c.len_utf8();
    }
    Err(refuse(pattern, "a bracket is not closed"))
}

/// Alternatives, the longest first. Only alternatives of plain characters have a length.
fn alternatives(pattern: &str, options: &str, body: &str) -> Result<String> {
    let plain = |text: &str| text.chars().all(|c| !r"\[](){}.*+?^$|".contains(c));
    let (before, group, after) = match (body.split_once('('), body.rsplit_once(')')) {
        (Some((before, _)), Some((_, after))) => (before, &body[before.len() + 1..body.len() - after.len() - 1], after),
        _ => ("", body, ""),
    };
    let inner = group.strip_prefix("?:").unwrap_or(group);
    let mut listed: Vec<&str> = inner.split('|').collect();
    if !listed.iter().all(|one| plain(one)) || before.contains('|') || after.contains('|') {
        let what = "of several alternatives PostgreSQL takes the longest, the engine the first; alternatives of plain characters work";
        return Err(refuse(pattern, what));
    }
    listed.sort_by_key(|one| std::cmp::Reverse(one.len()));
    let (before, after) = (regex(before, true)?, regex(after, true)?);
    let (before, after) = (before.trim_start_matches("(?s)"), after.trim_start_matches("(?s)"));
    let joined = listed.join("|");
    let group = match body.contains('(') {
        true if inner.len() == group.len() => format!("({joined})"),
        _ => format!("(?:{joined})"),
    };
    Ok(format!("(?{options}){before}{group}{after}"))
}

/// Translates the flags of a function. `g` stays: it is no option of the pattern.
pub(crate) fn function_flags(function: &str, letters: &str) -> Result<String> {
    let global = letters.contains('g');
    if global && function != "regexp_replace" {
        return Err(refused(format!("{function}: the flag 'g' is not supported here")));
    }
    let rest: String = letters.chars().filter(|letter| *letter != 'g').collect();
    for letter in rest.chars() {
        if !"ic".contains(letter) {
            return Err(refused(format!(
                "{function}: the flag '{letter}' is not supported; supported are i, c, and g to replace all; write others as (?n) in front of the pattern"
            )));
        }
    }
    let insensitive = rest.ends_with('i');
    Ok([(global, "g"), (insensitive, "i")].iter().filter(|(on, _)| *on).map(|(_, flag)| *flag).collect())
}

/// Translates the replacement of `regexp_replace`: `\1` and `\&` are groups, and a dollar sign is a dollar sign.
pub(crate) fn replacement(text: &str) -> Result<String> {
    let mut made = String::new();
    let mut characters = text.chars();
    while let Some(c) = characters.next() {
        match c {
            '$' => made.push_str("$$"),
            '\\' => match characters.next() {
                Some('&') => made.push_str("${0}"),
                Some(digit @ '1'..='9') => made.push_str(&format!("${{{digit}}}")),
                _ => return Err(refused(format!("regexp_replace: '{text}' has a backslash before neither a digit nor '&'"))),
            },
            other => made.push(other),
        }
    }
    Ok(made)
}

/// Translates a pattern of `SIMILAR TO`, which must match the whole text.
pub(crate) fn similar(pattern: &str, escape: Option<char>) -> Result<String> {
    let mut made = String::from("^(?:");
    let mut characters = pattern.chars();
    let mut in_bracket = false;
    while let Some(c) = characters.next() {
        if Some(c) == escape {
            match characters.next() {
                Some(next) if next.is_alphanumeric() => made.push(next),
                Some(next) => {
                    made.push('\\');
                    made.push(next);
                }
                None => return Err(refused(format!("similar to '{pattern}': it ends with the escape character"))),
            }
        } else if in_bracket {
            in_bracket = c != ']';
            made.push(c);
        } else {
            match c {
                '[' => {
                    in_bracket = true;
                    made.push(c);
                }
                '%' => made.push_str(".*"),
                '_' => made.push('.'),
                '(' => made.push_str("(?:"),
                '.' | '^' | '$' | '\\' => {
                    made.push('\\');
                    made.push(c);
                }
                other => made.push(other),
            }
        }
    }
    made.push_str(")$");
    Ok(made)
}

/// Rewrites a pattern of `LIKE … ESCAPE`, so that its escape character is the backslash. `None`: no character escapes.
pub(crate) fn like(pattern: &str, escape: Option<char>) -> Result<String> {
    let mut made = String::new();
    let mut characters = pattern.chars();
    while let Some(c) = characters.next() {
        if Some(c) == escape {
            let next = characters.next().ok_or_else(|| refused(format!("like '{pattern}': it ends with the escape character")))?;
            made.push('\\');
            made.push(next);
        } else {
            if c == '\\' {
                made.push('\\');
            }
            made.push(c);
        }
    }
    Ok(made)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_are_translated_or_refused() {
        for (pattern, translated) in [
            ("a.b", "(?s)a.b"),
            ("(?i)A", "(?is)A"),
            ("(?n)^a", "(?m)^a"),
            (r"\mword\M", r"(?s)\b{start}word\b{end}"),
            ("[[:alpha:]&]+", r"(?s)[[:alpha:]\&]+"),
            ("[]a]", r"(?s)[\]a]"),
            ("(?:a)?", "(?s)(?:a)?"),
        ] {
            assert_eq!(regex(pattern, true).expect(pattern), translated, "{pattern}");
        }
        for pattern in [r"(a)\1", "a(?=b)", "a(?!b)", "(?<=a)b", "***=a", r"a\", "[a", "(?w)a"] {
            assert!(regex(pattern, false).is_err(), "{pattern}");
        }
    }

    #[test]
    fn the_longest_alternative_comes_first() {
        assert_eq!(regex("a|ab", true).expect("plain"), "(?s)(?:ab|a)");
        assert_eq!(regex("x(a|ab)y", true).expect("plain"), "(?s)x(ab|a)y");
        assert_eq!(regex("a|ab", false).expect("plain"), "(?s)a|ab");
        assert!(regex(r"^\s+|\s+$", true).is_err());
        assert!(regex("a+b*?", true).is_err());
        assert_eq!(regex("a+b*?", false).expect("not used"), "(?s)a+b*?");
    }

    #[test]
    fn similar_patterns_match_the_whole_text() {
        assert_eq!(similar("a%(b|c)_.d", Some('\\')).expect("a pattern"), r"^(?:a.*(?:b|c).\.d)$");
        assert_eq!(similar(r"100\%", Some('\\')).expect("a pattern"), r"^(?:100\%)$");
        assert_eq!(like("50#%", Some('#')).expect("a pattern"), r"50\%");
    }
}
