//! Parses a connection string in the form of words: `key=value key = 'a value' …`

use super::error::ConninfoError;
use super::keys::{Settings, known_key};

pub(super) fn settings(text: &str) -> Result<Settings, ConninfoError> {
    let mut settings = Settings::new();
    let mut chars = text.chars().peekable();
    let mut number = 0;
    loop {
        while chars.next_if(|c| c.is_whitespace()).is_some() {}
        if chars.peek().is_none() {
            return Ok(settings);
        }
        number += 1;
        let place = format!("setting {number}");
        let mut key = String::new();
        while let Some(c) = chars.next_if(|c| !c.is_whitespace() && *c != '=') {
            key.push(c);
        }
        while chars.next_if(|c| c.is_whitespace()).is_some() {}
        if chars.next_if_eq(&'=').is_none() {
            return Err(ConninfoError::new(
                format!("{place} has no '='"),
                "write a URL (postgresql://user@host:port/database) or key=value words; quote a value with spaces: key='the value'",
            ));
        }
        while chars.next_if(|c| c.is_whitespace()).is_some() {}
        let quoted = chars.next_if_eq(&'\'').is_some();
        let mut value = String::new();
        loop {
            match chars.next_if(|c| quoted || !c.is_whitespace()) {
                None if quoted => {
                    return Err(ConninfoError::new(format!("the quotation mark of {place} is not closed"), "add the closing '"));
                }
                None => break,
                Some('\'') if quoted => break,
                // A backslash at the very end is dropped, as in libpq.
                Some('\\') => value.extend(chars.next()),
                Some(c) => value.push(c),
            }
        }
        settings.insert(known_key(&key, &place)?, value);
    }
}
