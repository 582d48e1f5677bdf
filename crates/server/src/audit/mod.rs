//! The audit log: who did what.
//!
//! # Promise
//! Every login and every change of users, tokens, collectors, retention or permissions is one log line with the target [`TARGET`]. The line is
//! written after the action, independent of the log level. If configured, SQL statements are logged, too. A line names the person or token
//! (`by`); the request's span adds the address. Refused logins, enrolments and requests are logged with their cause, repeated ones as a sum
//! ([`Refusals`]). No line contains a password, token or key.

mod refusals;
mod trail;

pub(crate) use refusals::{Refusal, Refusals};
pub(crate) use trail::Trail;

/// The target of these lines, by which log collectors find them.
pub const TARGET: &str = "audit";

/// The most bytes of a statement in a line.
const STATEMENT_CAP: usize = 4 * 1024;

/// A statement, cut to the length that a line may have.
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
