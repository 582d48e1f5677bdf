//! The known messages, and the one that a text is.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::pattern::{Fit, ends};
use super::words::lines;

/// The templates that take precedence.
static FIRST: LazyLock<Catalog> = LazyLock::new(|| Catalog::read(include_str!("templates.txt")));
/// All other known messages.
static REST: LazyLock<Catalog> = LazyLock::new(|| Catalog::read(include_str!("catalog.txt")));
/// The most words of a message that are compared with the beginnings of templates. The longest beginning is shorter.
const BEGINNINGS: usize = 40;

struct Catalog {
    /// The key is the text before the first placeholder, up to its last space. It is empty for a template that begins with a placeholder.
    by_beginning: HashMap<&'static str, Vec<Template>>,
}

struct Template {
    text: &'static str,
    /// The text before the first placeholder, and that after the last one.
    ends: (&'static str, &'static str),
}

impl Catalog {
    fn read(file: &'static str) -> Self {
        let mut by_beginning: HashMap<_, Vec<_>> = HashMap::new();
        for text in lines(file) {
            let (front, back) = ends(text);
            let beginning = &front[..front.rfind(' ').map_or(0, |at| at + 1)];
            by_beginning.entry(beginning).or_default().push(Template { text, ends: (front, back) });
        }
        Self { by_beginning }
    }

    /// Finds the template that shares most text with the message.
    fn find<'a>(&self, message: &'a str) -> Option<Fit<'a>> {
        let beginnings = [0].into_iter().chain(message.match_indices(' ').map(|(at, _)| at + 1)).take(BEGINNINGS);
        let templates = beginnings.filter_map(|end| self.by_beginning.get(&message[..end])).flatten();
        templates
            .filter(|Template { ends: (front, back), .. }| message.starts_with(front) && message.ends_with(back))
            .filter_map(|template| Fit::new(template.text, message))
            .max_by_key(Fit::shared)
    }
}

/// Finds the template that fits the message best.
pub(super) fn find(message: &str) -> Option<Fit<'_>> {
    FIRST.find(message).or_else(|| REST.find(message))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A template that fits nearly every text would make texts of others look like PostgreSQL's.
    #[test]
    fn every_template_has_words_of_its_own() {
        for template in [&FIRST, &REST].into_iter().flat_map(|catalog| catalog.by_beginning.values()).flatten() {
            let mut words = template.text.split(|c: char| !c.is_ascii_alphabetic()).filter(|word| word.len() > 1);
            assert!(words.next().is_some(), "{}", template.text);
        }
        for text in ["", " ", "4111 1111", "secret", "secret: 4111", "alice@example.com bought 3", "秘密", "a: b: c", "\"x\" \"y\""] {
            assert!(find(text).is_none(), "{text} is {:?}", find(text).map(|fit| fit.shown(true)));
        }
    }

    #[test]
    fn a_template_that_says_more_wins() {
        for (message, shown) in [
            ("duration: 1.2 ms  execute a: select secret", "duration: … ms  execute …: …"),
            ("canceling statement due to statement timeout", "canceling statement due to statement timeout"),
            (
                "could not open file \"a\" for writing: No space left on device",
                "could not open file \"…\" for writing: No space left on device",
            ),
        ] {
            assert_eq!(find(message).map(|fit| fit.shown(false)).as_deref(), Some(shown));
        }
    }
}
