//! Parses a line of `stderr`: the fields of its prefix, then severity and message.
//!
//! # Promise
//! - The first severity behind a text that the prefix fits begins the message. So no text of a message is ever taken for a field.
//! - A field whose value looks like the beginning of a message is not read.
//! - DETAIL, HINT, STATEMENT and the like never are entries, in every language of PostgreSQL.

use super::entry::Entry;
use super::prefix::{Field, Part, Prefix};
use super::severity::{Word, value, words_at_end};

/// The most steps of a match. If a line can be read in too many ways, only its severity and message are taken.
const STEPS: usize = 2_000;
/// The text after a severity.
const MARK: &str = ":  ";
/// The most bytes of a prefix. Names have at most 63 bytes each.
const LONGEST_PREFIX: usize = 1_024;

/// A word in a line that may begin an entry, or a part of one.
struct Candidate<'a> {
    prefix: &'a str,
    word: Word,
    message: &'a str,
}

impl Prefix {
    /// Parses a line. `None`: the line does not begin an entry.
    pub(super) fn parse(&self, line: &str) -> Option<Entry> {
        // The continuation lines of a message begin with a tab.
        if line.starts_with('\t') {
            return None;
        }
        let mut first = None;
        for candidate in candidates(line) {
            if let Some(entry) = self.fields(candidate.prefix) {
                return candidate.entry(entry);
            }
            if first.is_none() && !candidate.prefix.ends_with(char::is_alphabetic) {
                first = Some(candidate);
            }
        }
        // The prefix is not known or was changed: the fields are not read.
        first.and_then(|candidate| candidate.entry(Entry::default()))
    }

    /// The fields of a line's prefix. `None`: it is no such prefix.
    fn fields(&self, text: &str) -> Option<Entry> {
        let short = || self.until.and_then(|until| matched(&self.parts[..until], text));
        let mut entry = Entry::default();
        for (field, text) in matched(&self.parts, text).or_else(short)? {
            let of = match field {
                Field::Application => &mut entry.application,
                Field::User => &mut entry.user,
                Field::Database => &mut entry.database,
                Field::BackendType => &mut entry.backend_type,
                Field::SqlState => &mut entry.sqlstate,
                Field::Number | Field::Time | Field::Remote | Field::Other => continue,
            };
            *of = value(text).filter(|text| !text.contains(MARK));
        }
        Some(entry)
    }
}

impl Candidate<'_> {
    fn entry(self, entry: Entry) -> Option<Entry> {
        match self.word {
            Word::Severity(severity) => Some(entry.says(severity, self.message)),
            Word::Part => None,
        }
    }
}

/// The words of a line that may begin its message, in their order. Of several words that end at the same place the longest comes first.
fn candidates(line: &str) -> impl Iterator<Item = Candidate<'_>> {
    let searched = &line[..line.floor_char_boundary(LONGEST_PREFIX)];
    searched.match_indices([':', '：']).flat_map(move |(at, colon)| {
        let is_mark = line[at..].starts_with(MARK);
        // French writes a space before the colon of a part.
        let before = line[..at].strip_suffix([' ', '\u{a0}']).unwrap_or(&line[..at]);
        words_at_end(before).filter(move |(_, word)| *word == Word::Part || (is_mark && before.len() == at)).map(move |(word, kind)| {
            let message = line[at + colon.len()..].trim_start_matches(' ');
            Candidate { prefix: &before[..before.len() - word.len()], word: kind, message }
        })
    })
}

/// Matches the parts with the whole of `text`.
fn matched<'a>(parts: &[Part], text: &'a str) -> Option<Vec<(Field, &'a str)>> {
    let mut steps = STEPS;
    let mut values = Vec::with_capacity(parts.len());
    follow(parts, text, &mut values, &mut steps)?;
    Some(values)
}

fn follow<'a>(parts: &[Part], rest: &'a str, values: &mut Vec<(Field, &'a str)>, steps: &mut usize) -> Option<()> {
    *steps = steps.checked_sub(1)?;
    match parts {
        [] => rest.is_empty().then_some(()),
        [Part::Text(text), parts @ ..] => follow(parts, rest.strip_prefix(text.as_str())?, values, steps),
        [Part::Field(field), parts @ ..] => {
            let kept = values.len();
            // Takes the shortest value after which all other parts match.
            for (end, _) in rest.char_indices().chain([(rest.len(), ' ')]) {
                if !fits(*field, &rest[..end]) {
                    // Longer values cannot match either.
                    return None;
                }
                let follows = match parts {
                    [] => end == rest.len(),
                    [Part::Text(text), ..] => rest[end..].starts_with(text.as_str()),
                    [Part::Field(_), ..] => true,
                };
                if !follows || !is_whole(*field, &rest[..end]) {
                    continue;
                }
                values.push((*field, &rest[..end]));
                if follow(parts, &rest[end..], values, steps).is_some() {
                    return Some(());
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
        Field::SqlState => value.trim().len() == 5,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::read::redact::Redacted;

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
            // Nothing stands between the prefix and the severity.
            ("db=%d,user=%u,app=%a,client=%h", "db=shop,user=app,app=psql,client=10.0.0.1ERROR:  x", "app", "shop", ""),
            ("db=%d,user=%u,app=%a,client=%h", "db=shop,user=app,app=psql,client=[local]ERROR:  x", "app", "shop", ""),
            ("db=%d,user=%u,app=%a,client=%h", "db=shop,user=app,app=psql,client=db.example.comERROR:  x", "app", "shop", ""),
            ("db=%d,user=%u,app=%a,client=%h", "db=shop,user=app,app=ERROR,client=fe80::1ERROR:  x", "app", "shop", ""),
            ("%m [%p] %u@%d", "2026-11-29 01:02:03.004 UTC [77] app@shopERROR:  x", "app", "shop", ""),
            ("%m [%p] %u@%d", "2026-11-29 01:02:03.004 UTC [77] app@ERRORERROR:  x", "app", "ERROR", ""),
            ("%m [%p] %q%u@%d", "2026-11-29 01:02:03.004 UTC [77] ERROR:  x", "", "", ""),
            ("%u", "appERROR:  x", "app", "", ""),
            ("%d%e", "shop22012ERROR:  x", "", "shop", "22012"),
            ("", "ERROR:  x", "", "", ""),
            // Other words of the same kind are part of the message, or of a name.
            ("%u@%d ", "app@shop ERROR:  LOG:  a STATEMENT:  b", "app", "shop", ""),
            ("%u@%d ", "LOG:@shop ERROR:  x", "LOG:", "shop", ""),
            ("%m [%p] %u@%d ", "2026-11-29 01:02:03 CET [77] [unbekannt]@[unbekannt] FEHLER:  x", "", "", ""),
        ] {
            let found = read(setting, line).unwrap_or_else(|| panic!("{setting}: {line}"));
            let told = |value: &str| Some(value.to_owned()).filter(|value| !value.is_empty());
            let expected = Entry { user: told(user), database: told(database), sqlstate: told(sqlstate), ..found.clone() };
            assert_eq!((&found, found.severity.as_str()), (&expected, "ERROR"), "{setting}: {line}");
        }
    }

    #[test]
    fn a_line_with_another_prefix_still_has_its_severity() {
        for (setting, line) in [("%m [%p] %u@%d ", "77 LOG:  x"), ("", "77 LOG:  x"), ("%m ", "client=10.0.0.1LOG:  x")] {
            assert_eq!(read(setting, line).map(|entry| (entry.severity, entry.user)), Some(("LOG".into(), None)), "{line}");
        }
        for line in
            ["no severity here", "CATALOG:  x", "LOG: x", "77 STATEMENT:  select 'LOG:  x'", "77 ANWEISUNG:  select 'LOG:  x'", "77 X:  x"]
        {
            assert_eq!(read("%m ", line), None, "{line}");
        }
    }

    /// If the setting was changed, its old value could take a message's text for a field.
    #[test]
    fn no_text_of_a_message_is_taken_for_a_field() {
        for (setting, line) in [
            ("%u|%d|", "77 LOG:  statement: select 'secret|x|ERROR:  y'"),
            ("%a ", "LOG:  secret ERROR:  y"),
            ("user=%u db=%d ", "user=a db=b ERROR:  db=secret LOG:  x"),
            ("%u", "app LOG:  secret ERROR:  x"),
        ] {
            let entry = read(setting, line).expect("an entry");
            assert!(!format!("{entry:?}").contains("secret"), "{setting}: {line}: {entry:?}");
        }
    }

    #[test]
    fn an_ambiguous_line_is_parsed_in_bounded_time() {
        let line = format!("{}LOG:  x", "a ".repeat(500));
        let entry = read("%a %a %a %a %a %a %a!", &line).expect("an entry");
        assert_eq!((entry.severity.as_str(), entry.application), ("LOG", None));
    }

    #[test]
    fn an_sqlstate_before_the_message_is_read() {
        let entry = read("%m ", "2026-11-29 01:02:03.004 UTC ERROR:  22012: division by zero").expect("an entry");
        assert_eq!((entry.sqlstate.as_deref(), entry.message.as_ref().map(Redacted::as_str)), (Some("22012"), Some("division by zero")));
    }

    /// Each language's log is of the same session, so it has the same entries.
    #[test]
    fn the_logs_of_all_languages_have_the_same_entries() {
        let prefix = Prefix::new("%m [%p] %q%u@%d/%a ");
        let logs: Vec<_> = include_str!("tests/translated.txt").split("\n# ").skip(1).collect();
        assert_eq!(logs.len(), 11);
        for log in logs {
            let language = log.lines().next().unwrap_or_default();
            let entries: Vec<_> = log.lines().skip(1).filter_map(|line| prefix.parse(line)).collect();
            let severities = ["DEBUG", "LOG", "INFO", "NOTICE", "WARNING", "ERROR", "FATAL", "PANIC", "unknown"];
            let counts = severities.map(|severity| entries.iter().filter(|entry| entry.severity == severity).count());
            // Georgian has one word for NOTICE and WARNING.
            let expected = if language == "ka_GE" { [1, 22, 1, 0, 2, 4, 1, 0, 0] } else { [1, 22, 1, 1, 1, 4, 1, 0, 0] };
            assert_eq!(counts, expected, "{language}: {entries:#?}");
            let of = |name: fn(&Entry) -> &Option<String>, value| entries.iter().filter(|entry| name(entry).as_deref() == value).count();
            assert_eq!(of(|entry| &entry.application, Some("psql")), 19, "{language}: {entries:#?}");
            assert_eq!(of(|entry| &entry.user, Some("nobody_here")), 2, "{language}: {entries:#?}");
            assert_eq!(of(|entry| &entry.sqlstate, Some("22P02")), 1, "{language}: {entries:#?}");
            assert!(!format!("{entries:?}").contains("Kanarie4711"), "{language}: {entries:#?}");
        }
    }

    /// The escapes of a prefix, and a value of each.
    fn fields() -> impl Strategy<Value = (&'static str, String)> {
        let name = "[a-zA-Z_][a-zA-Z0-9_. -]{0,8}";
        prop_oneof![
            name.prop_map(|value| ("%u", value)),
            name.prop_map(|value| ("%d", value)),
            name.prop_map(|value| ("%a", value)),
            "(10\\.0\\.0\\.[1-9]|\\[local\\]|fe80::[1-9])".prop_map(|value| ("%h", value)),
            "[1-9][0-9]{0,5}".prop_map(|value| ("%p", value)),
            Just(("%m", "2026-11-29 01:02:03.004 UTC".to_owned())),
            Just(("%e", "22012".to_owned())),
        ]
    }

    proptest! {
        /// Whatever stands between the fields and before the severity, the line is one entry, and its message stays on the host.
        #[test]
        fn the_severity_is_found_after_any_prefix_and_no_value_comes_through(
            fields in proptest::collection::vec((fields(), "[ @,|/=\\[\\]-]{0,2}"), 0..5),
            severity in "LOG|ERROR|FEHLER|ОШИБКА|错误",
            text in "[a-z:'| ]{0,12}S3CRET(LOG:  |STATEMENT:  |[a-z| ]{0,4}){0,2}",
        ) {
            let setting: String = fields.iter().map(|((escape, _), text)| format!("{escape}{text}")).collect();
            let prefix: String = fields.iter().map(|((_, value), text)| format!("{value}{text}")).collect();
            let entry = Prefix::new(&setting).parse(&format!("{prefix}{severity}:  {text}")).expect("an entry");
            prop_assert_eq!(entry.severity.as_str(), if severity == "LOG" { "LOG" } else { "ERROR" });
            prop_assert!(!format!("{entry:?}").contains("S3CRET"), "{entry:?}");
            let part = Prefix::new(&setting).parse(&format!("{prefix}STATEMENT:  {text}"));
            prop_assert_eq!(part, None);
        }
    }
}
