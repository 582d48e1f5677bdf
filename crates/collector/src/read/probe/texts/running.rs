//! Texts of statements from the sessions that run them, for servers whose `pg_stat_statements` cannot return its texts.
//!
//! `pg_stat_activity` shows each session's newest statement as the client sent it, with its values, up to `track_activity_query_size`. The
//! statement's id is the same as in `pg_stat_statements`.

use std::time::Duration;

use super::query::{BUDGET, array};
use crate::connect::conninfo::APPLICATION_NAME;
use crate::delta::rows::TEXT_CAP;
use crate::read::redact::{self, Redacted};
use crate::read::session::{Session, SessionError, bytes};

/// A statement's text.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Running {
    pub(super) id: i64,
    pub(super) text: Redacted,
    pub(super) length: i64,
    pub(super) cut: bool,
}

/// Reads the texts of the statements with these ids that a session runs now or ran last.
pub(super) async fn read(session: &mut Session, timeout: Duration, ids: &[i64]) -> Result<Vec<Running>, SessionError> {
    let query = format!(
        "select a.query_id, a.query, \
         (select s.setting from pg_catalog.pg_settings as s where s.name = 'track_activity_query_size') \
         from pg_catalog.pg_stat_activity as a \
         where a.query_id = any({}) and coalesce(a.application_name, '') not like '{APPLICATION_NAME}%'",
        array(ids)
    );
    let (mut found, mut total): (Vec<Running>, usize) = (Vec::new(), 0);
    // The text is in the encoding of the session's database, whatever the encoding of this database is.
    let raw = session.set_raw(true);
    let outcome = session
        .read(&query, timeout, |row| {
            let number = |column| bytes(row, column).and_then(|bytes| std::str::from_utf8(bytes).ok()?.parse::<i64>().ok());
            let (Some(id), Some(text)) = (number(0), bytes(row, 1)) else { return };
            if total < BUDGET && found.iter().all(|known| known.id != id) {
                total += text.len();
                found.extend(running(id, text, number(2).unwrap_or(i64::MAX)));
            }
        })
        .await;
    session.set_raw(raw);
    outcome?;
    Ok(found)
}

/// The text without values. `None` if the client sent several statements at once: the id is of one of them.
fn running(id: i64, text: &[u8], shown: i64) -> Option<Running> {
    let length = i64::try_from(text.len()).unwrap_or(i64::MAX);
    // The server shows one byte less than the setting, or up to three less where a character would be split.
    let is_whole = length < shown.saturating_sub(4);
    let text = redact::statement(&decode(text));
    if text.as_str().trim_end().trim_end_matches(';').contains(';') {
        return None;
    }
    let cut = !is_whole || text.as_str().len() > TEXT_CAP;
    Some(Running { id, text, length, cut })
}

/// A text in UTF-8, or in an unknown encoding of one byte a character, of which Latin-1 is the most common.
pub(super) fn decode(text: &[u8]) -> String {
    match std::str::from_utf8(text) {
        Ok(text) => text.into(),
        // A text that was cut inside a character is still UTF-8.
        Err(error) if error.error_len().is_none() => String::from_utf8_lossy(text).into_owned(),
        Err(_) => text.iter().copied().map(char::from).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_hidden_and_several_statements_at_once_have_no_text() {
        let one = running(7, b"select * from t where ssn = 123456789 and name = 'x;y';", 1024).expect("a text");
        assert_eq!(one.text.as_str(), "select * from t where ssn = … and name = '…';");
        assert!(!one.cut);
        assert_eq!(running(7, b"begin; select 1", 1024), None);
        assert!(running(7, &[b'a'; 1023], 1024).expect("a text").cut);
    }

    #[test]
    fn texts_in_other_encodings_stay_readable() {
        assert_eq!(decode("ключ".as_bytes()), "ключ");
        assert_eq!(decode(b"stra\xdfe"), "straße");
        assert_eq!(decode(&"é".as_bytes()[..1]), "\u{fffd}");
    }
}
