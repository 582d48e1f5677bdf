//! Who did what: the lines of the log that somebody must be able to show later.
//!
//! # Promise
//! Every login, refused ones too, and everything that changes users, tokens, collectors, retention or who is let in is one line with the
//! target [`TARGET`], written once it is done, whatever else is logged; statements are too where that is asked for. A line names who did it
//! (`by`), with the request's span from where. No password, token or key is ever in one.

/// The target of these lines. A collector of logs finds them by it.
pub const TARGET: &str = "audit";

/// Bytes of a statement's text in a line.
const STATEMENT_CAP: usize = 4 * 1024;

/// A statement's text as far as a line takes it.
pub(crate) fn statement(text: &str) -> &str {
    &text[..text.floor_char_boundary(STATEMENT_CAP)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_statement_is_cut_between_characters() {
        assert_eq!(statement("select 1"), "select 1");
        let long = "é".repeat(STATEMENT_CAP);
        let cut = statement(&long);
        assert!(cut.len() <= STATEMENT_CAP && cut.chars().all(|c| c == 'é'));
    }
}
