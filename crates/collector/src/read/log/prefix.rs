//! Parses `log_line_prefix`: the text that the server writes before each line of `stderr`.

/// A parsed `log_line_prefix`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Prefix {
    pub(super) parts: Vec<Part>,
    /// The number of parts before `%q`. The prefix of a process without a session ends there.
    pub(super) until: Option<usize>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part {
    Text(String),
    Field(Field),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    Application,
    User,
    Database,
    BackendType,
    SqlState,
    /// Digits only.
    Number,
    /// A date, a time, optional milliseconds, and a time zone.
    Time,
    /// A host with its port in parentheses.
    Remote,
    Other,
}

impl Prefix {
    /// Parses the setting's value.
    pub(crate) fn new(setting: &str) -> Self {
        let mut prefix = Self::default();
        let mut text = String::new();
        let mut chars = setting.chars();
        while let Some(c) = chars.next() {
            if c != '%' {
                text.push(c);
                continue;
            }
            // `%-10u`: the value is padded with spaces.
            let escape = chars.find(|c| !(c.is_ascii_digit() || *c == '-'));
            let field = match escape {
                None => break,
                Some('%') => {
                    text.push('%');
                    continue;
                }
                Some('q') => {
                    prefix.push_text(&mut text);
                    prefix.until = prefix.until.or(Some(prefix.parts.len()));
                    continue;
                }
                Some('a') => Field::Application,
                Some('u') => Field::User,
                Some('d') => Field::Database,
                Some('b') => Field::BackendType,
                Some('e') => Field::SqlState,
                Some('p' | 'P' | 'l') => Field::Number,
                Some('t' | 'm' | 's') => Field::Time,
                Some('r') => Field::Remote,
                Some(_) => Field::Other,
            };
            prefix.push_text(&mut text);
            prefix.parts.push(Part::Field(field));
        }
        prefix.push_text(&mut text);
        prefix
    }

    fn push_text(&mut self, text: &mut String) {
        if !text.is_empty() {
            self.parts.push(Part::Text(std::mem::take(text)));
        }
    }
}
