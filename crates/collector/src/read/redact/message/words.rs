//! The words and reasons inside a message that cannot be values.

use std::collections::HashSet;
use std::sync::LazyLock;

static WORDS: LazyLock<HashSet<&str>> = LazyLock::new(|| lines(include_str!("words.txt")).flat_map(str::split_whitespace).collect());
static CAUSES: LazyLock<HashSet<&str>> = LazyLock::new(|| lines(include_str!("causes.txt")).collect());

/// The placeholder for hidden text.
pub(super) const HIDDEN: &str = "…";
/// The characters between words.
const BETWEEN: [char; 9] = [' ', ',', '(', ')', '[', ']', '-', '/', '.'];

/// The lines of a data file without its comments.
pub(super) fn lines(file: &'static str) -> impl Iterator<Item = &'static str> {
    file.lines().filter(|line| !line.is_empty() && !line.starts_with('#'))
}

/// Whether the text is a reason that the system gives for an error.
pub(super) fn is_cause(text: &str) -> bool {
    CAUSES.contains(text)
}

/// Returns the text with its numbers hidden if all of its words are known, and otherwise the placeholder for hidden text.
pub(super) fn known(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for piece in text.split_inclusive(BETWEEN) {
        let word = piece.trim_end_matches(BETWEEN);
        if WORDS.contains(word) || word.is_empty() {
            out.push_str(word);
        } else if word.bytes().all(|byte| byte.is_ascii_digit()) {
            out.push_str(HIDDEN);
        } else {
            return HIDDEN.to_owned();
        }
        out.push_str(&piece[word.len()..]);
    }
    out
}
