//! Matches a message against a template with printf's placeholders, and shows what the template allows.

use super::words::{self, HIDDEN};

/// The most steps of a match. A message that a template fits in too many ways is not recognised.
const STEPS: u32 = 2_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part<'a> {
    Text(&'a str),
    /// A whole number, with the base 10 or 16.
    Whole(u32),
    /// A number with a fraction.
    Fraction,
    /// Any text.
    Any,
    /// The reason that the system gives for an error.
    Cause,
    /// Words that are shown if all of them are known.
    Words,
    /// The name of a constraint, a table or a column.
    Name,
}

/// A template that fits a message.
#[derive(Debug)]
pub(super) struct Fit<'a> {
    parts: Vec<Part<'a>>,
    values: Vec<&'a str>,
}

impl<'a> Fit<'a> {
    /// Matches the whole message. `None`: the template is another message's.
    pub(super) fn new(template: &'a str, message: &'a str) -> Option<Self> {
        let parts = parts(template);
        let mut values = Vec::with_capacity(parts.len());
        let mut steps = STEPS;
        follow(&parts, message, &mut values, &mut steps).then_some(Self { parts, values })
    }

    /// The length of the text that template and message share. The longer it is, the better the template fits.
    pub(super) fn shared(&self) -> usize {
        self.parts.iter().map(|part| if let Part::Text(text) = part { text.len() } else { 0 }).sum()
    }

    /// The template's text, with the values that may be shown. `names`: the names of constraints may.
    pub(super) fn shown(&self, names: bool) -> String {
        let mut out = String::new();
        let mut values = self.values.iter().copied();
        for part in &self.parts {
            if let Part::Text(text) = part {
                out.push_str(text);
                continue;
            }
            let value = values.next().unwrap_or_default();
            match part {
                Part::Cause if words::is_cause(value) => out.push_str(value),
                Part::Words => out.push_str(&words::known(value)),
                Part::Name if names && is_name(value) => out.push_str(value),
                _ => out.push_str(HIDDEN),
            }
        }
        out
    }
}

/// The text before the first placeholder of a template, and that after the last one.
pub(super) fn ends(template: &str) -> (&str, &str) {
    let text = |part: Option<&Part<'_>>| if let Some(Part::Text(text)) = part { text.len() } else { 0 };
    let parts = parts(template);
    (&template[..text(parts.first())], &template[template.len() - text(parts.last())..])
}

/// Splits a template into its texts and placeholders.
fn parts(template: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let mut rest = template;
    while let Some(at) = rest.find('%') {
        let (text, placeholder) = rest.split_at(at);
        if !text.is_empty() {
            parts.push(Part::Text(text));
        }
        let letter = placeholder[1..].find(|c: char| !(c.is_ascii_digit() || "-+ #.*hlzjt".contains(c)));
        let Some(letter) = letter.map(|letter| letter + 1) else { return parts };
        let part = match placeholder.as_bytes()[letter] {
            b'%' => Part::Text("%"),
            b'd' | b'i' | b'u' => Part::Whole(10),
            b'x' | b'X' | b'p' => Part::Whole(16),
            b'f' | b'g' | b'e' => Part::Fraction,
            b'm' => Part::Cause,
            b'W' => Part::Words,
            b'N' => Part::Name,
            _ => Part::Any,
        };
        // Two texts side by side are one.
        if part != Part::Any || parts.last() != Some(&Part::Any) {
            parts.push(part);
        }
        rest = &placeholder[letter + 1..];
    }
    if !rest.is_empty() {
        parts.push(Part::Text(rest));
    }
    parts
}

/// Matches the parts with the whole of `text`.
fn follow<'a>(parts: &[Part<'_>], text: &'a str, values: &mut Vec<&'a str>, steps: &mut u32) -> bool {
    let Some(left) = steps.checked_sub(1) else { return false };
    *steps = left;
    let (part, parts) = match parts {
        [] => return text.is_empty(),
        [part, parts @ ..] => (part, parts),
    };
    let number = match part {
        Part::Text(known) => return text.strip_prefix(known).is_some_and(|text| follow(parts, text, values, steps)),
        Part::Whole(base) => Some(text.find(|c: char| !(c.is_digit(*base) || "-x".contains(c))).unwrap_or(text.len())),
        Part::Fraction => Some(text.find(|c: char| !(c.is_ascii_digit() || "-+.e".contains(c))).unwrap_or(text.len())),
        _ => None,
    };
    let kept = values.len();
    let mut ends_at = |end: usize, values: &mut Vec<&'a str>| {
        values.push(&text[..end]);
        let fits = follow(parts, &text[end..], values, steps);
        if !fits {
            values.truncate(kept);
        }
        fits
    };
    match (number, parts) {
        (Some(0), _) => false,
        (Some(end), _) => ends_at(end, values),
        (None, []) => ends_at(text.len(), values),
        (None, [Part::Text(known), ..]) => text.match_indices(known).any(|(end, _)| ends_at(end, values)),
        (None, _) => text.char_indices().map(|(end, _)| end).chain([text.len()]).any(|end| ends_at(end, values)),
    }
}

/// Whether the text is an identifier that needs no quotes, of at most the length that PostgreSQL keeps.
fn is_name(text: &str) -> bool {
    text.len() <= 63
        && text.starts_with(|c: char| c.is_alphabetic() || c == '_')
        && text.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '$'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shown(template: &str, message: &str) -> Option<String> {
        Fit::new(template, message).map(|fit| fit.shown(true))
    }

    #[test]
    fn a_template_fits_its_messages_only_and_shows_no_value() {
        for (template, message, expected) in [
            ("division by zero", "division by zero", Some("division by zero")),
            ("division by zero", "division by zero!", None),
            ("relation \"%s\" does not exist", "relation \"a\"b\" does not exist", Some("relation \"…\" does not exist")),
            ("relation \"%s\" does not exist", "relation \"a\" does not exist: 4111", None),
            ("%s.%s is \"%s\"", "a.b.c is \"\"", Some("….… is \"…\"")),
            ("%d of %ld.%03d s (%.1f%%), %X/%X", "-7 of 12.345 s (0.1%), 0/1A2B", Some("… of ….… s (…%), …/…")),
            ("%d rows", "secret rows", None),
            ("%d rows", " rows", None),
            (
                "could not open \"%s\": %m",
                "could not open \"x\": No such file or directory",
                Some("could not open \"…\": No such file or directory"),
            ),
            ("could not open \"%s\": %m", "could not open \"x\": secret", Some("could not open \"…\": …")),
            ("for %W on %W after", "for ShareLock on transaction 815 after", Some("for ShareLock on transaction … after")),
            ("for %W on %W after", "for secret on tuple (0,12) after", Some("for … on tuple (…,…) after")),
            ("key \"%N\"", "key \"orders_pkey\"", Some("key \"orders_pkey\"")),
            ("key \"%N\"", "key \"4111 1111\"", Some("key \"…\"")),
            ("%s%s%s: %s", "ab: c", Some("…: …")),
            ("ends with %", "ends with ", Some("ends with ")),
        ] {
            assert_eq!(shown(template, message).as_deref(), expected, "{template} / {message}");
        }
        assert_eq!(Fit::new("key \"%N\"", "key \"orders_pkey\"").map(|fit| fit.shown(false)).as_deref(), Some("key \"…\""));
    }

    #[test]
    fn a_message_that_fits_in_many_ways_ends_soon() {
        assert_eq!(shown("%s a%d %s a%d %s a%d x", &"a1 a".repeat(5_000)), None);
    }

    proptest! {
        #[test]
        fn nothing_is_shown_but_the_template(value in "\\PC{0,60}") {
            let message = format!("value \"{value}\" of {value}");
            let shown = shown("value \"%s\" of %s", &message);
            prop_assert_eq!(shown.as_deref(), Some("value \"…\" of …"));
        }
    }
}
