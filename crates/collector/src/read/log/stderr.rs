//! Parses a line of `stderr`: the fields of its prefix, then severity and message.

use super::entry::{Entry, SEVERITIES, known};
use super::prefix::{Field, Part, Prefix};

/// The most steps of a match. If a line can be read in too many ways, only its severity and message are taken.
const STEPS: usize = 2_000;
/// The most bytes of a severity, in any language.
const LONGEST_SEVERITY: usize = 24;
/// The text after a severity.
const MARK: &str = ":  ";

impl Prefix {
    /// Parses a line. `None`: the line does not begin an entry.
    pub(super) fn parse(&self, line: &str) -> Option<Entry> {
        // The continuation lines of a message begin with a tab.
        if line.starts_with('\t') {
            return None;
        }
        let whole = self.matched(&self.parts, line);
        let short = || self.until.and_then(|until| self.matched(&self.parts[..until], line));
        if let Some((entry, severity, message)) = whole.or_else(short) {
            return entry.says(severity, message);
        }
        let (severity, message) = anywhere(line)?;
        Entry::default().says(severity, message)
    }

    fn matched<'a>(&self, parts: &[Part], line: &'a str) -> Option<(Entry, &'a str, &'a str)> {
        let mut steps = STEPS;
        let mut values = Vec::with_capacity(parts.len());
        let (severity, message) = follow(parts, line, &mut values, &mut steps)?;
        let mut entry = Entry::default();
        for (field, value) in values {
            let of = match field {
                Field::Application => &mut entry.application,
                Field::User => &mut entry.user,
                Field::Database => &mut entry.database,
                Field::BackendType => &mut entry.backend_type,
                Field::SqlState => &mut entry.sqlstate,
                Field::Number | Field::Time | Field::Remote | Field::Other => continue,
            };
            *of = known(value);
        }
        Some((entry, severity, message))
    }
}

/// Matches the parts and then a severity at the start of `rest`. Returns severity and message.
fn follow<'a>(parts: &[Part], rest: &'a str, values: &mut Vec<(Field, &'a str)>, steps: &mut usize) -> Option<(&'a str, &'a str)> {
    *steps = steps.checked_sub(1)?;
    match parts {
        [] => severity(rest),
        [Part::Text(text), parts @ ..] => follow(parts, rest.strip_prefix(text.as_str())?, values, steps),
        [Part::Field(field), parts @ ..] => {
            let kept = values.len();
            // Takes the shortest value after which all other parts match.
            for (end, _) in rest.char_indices().chain([(rest.len(), ' ')]) {
                if !fits(*field, &rest[..end]) {
                    // Longer values cannot match either.
                    return None;
                }
                if !is_whole(*field, &rest[..end]) || matches!(parts, [Part::Text(text), ..] if !rest[end..].starts_with(text.as_str())) {
                    continue;
                }
                values.push((*field, &rest[..end]));
                if let Some(found) = follow(parts, &rest[end..], values, steps) {
                    return Some(found);
                }
                values.truncate(kept);
            }
            None
        }
    }
}

/// Whether a value, or the beginning of one, is possible for this field.
fn fits(field: Field, value: &str) -> bool {
    match field {
        Field::Number => value.trim().bytes().all(|byte| byte.is_ascii_digit()),
        Field::SqlState => value.trim().len() <= 5 && value.trim().bytes().all(|byte| byte.is_ascii_alphanumeric()),
        _ => true,
    }
}

/// Whether a value is complete. Times and hosts may contain the same characters that stand between fields.
fn is_whole(field: Field, value: &str) -> bool {
    match field {
        Field::Time => value.is_empty() || (value.len() > "2026-11-29 01:02:03".len() && value.matches(':').count() >= 2),
        Field::Remote => value.trim().is_empty() || value.trim() == "[local]" || value.trim().ends_with(')'),
        _ => true,
    }
}

/// Parses a severity and the message after it.
fn severity(rest: &str) -> Option<(&str, &str)> {
    let (word, message) = rest.split_once(MARK)?;
    let is_word = !word.is_empty() && word.len() <= LONGEST_SEVERITY && word.chars().all(char::is_alphanumeric);
    is_word.then_some((word, message))
}

/// Finds an English severity anywhere in the line. Used if the prefix does not match.
fn anywhere(line: &str) -> Option<(&str, &str)> {
    line.match_indices(MARK).find_map(|(at, _)| {
        let word = line[..at].rsplit(|c: char| !c.is_ascii_alphanumeric()).next()?;
        SEVERITIES.contains(&word).then(|| (word, &line[at + MARK.len()..]))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(setting: &str, line: &str) -> Option<Entry> {
        Prefix::new(setting).parse(line)
    }

    #[test]
    fn common_prefixes_are_parsed() {
        for (setting, line, user, database, sqlstate) in [
            ("%m [%p] ", "2026-11-29 01:02:03.004 UTC [77] ERROR:  x", "", "", ""),
            ("%t:%r:%u@%d:[%p]: ", "2026-11-29 01:02:03 UTC:10.0.0.1(5000):app@shop:[77]: ERROR:  x", "app", "shop", ""),
            (
                "%t [%p]: [%l-1] user=%u,db=%d,app=%a ",
                "2026-11-29 01:02:03 UTC [7]: [1-1] user=app,db=shop,app=a, b=c ERROR:  x",
                "app",
                "shop",
                "",
            ),
            ("%m [%p] %q%u@%d ", "2026-11-29 01:02:03.004 UTC [77] ERROR:  x", "", "", ""),
            ("%m [%p] %q%u@%d ", "2026-11-29 01:02:03.004 UTC [77] app@shop ERROR:  x", "app", "shop", ""),
            (
                "%m [%p] %q[user=%u,db=%d,app=%a] ",
                "2026-11-29 01:02:03.004 +03 [77] [user=app,db=shop,app=[unknown]] ERROR:  x",
                "app",
                "shop",
                "",
            ),
            ("%-10u|%5p|%e|", "app       |   77|23505|ERROR:  x", "app", "", "23505"),
            ("%r %u|", "fe80::1(5000) app|ERROR:  x", "app", "", ""),
            ("100%% %u ", "100% app ERROR:  x", "app", "", ""),
        ] {
            let found = read(setting, line).unwrap_or_else(|| panic!("{setting}: {line}"));
            let told = |value: &str| Some(value.to_owned()).filter(|value| !value.is_empty());
            let expected = Entry { user: told(user), database: told(database), sqlstate: told(sqlstate), ..found.clone() };
            assert_eq!((&found, found.severity.as_str()), (&expected, "ERROR"), "{setting}: {line}");
        }
    }

    #[test]
    fn a_line_with_another_prefix_still_has_its_severity() {
        for (setting, line) in [("%m [%p] %u@%d ", "77 LOG:  x"), ("", "LOG:  x")] {
            assert_eq!(read(setting, line).map(|entry| (entry.severity, entry.user)), Some(("LOG".into(), None)), "{line}");
        }
        for line in ["no severity here", "CATALOG:  x"] {
            assert_eq!(read("%m ", line), None, "{line}");
        }
    }

    #[test]
    fn an_ambiguous_line_is_parsed_in_bounded_time() {
        let setting = "%a %a %a %a %a %a %a ";
        let line = format!("{}x", "a ".repeat(2_000));
        assert_eq!(read(setting, &line), None);
    }
}
