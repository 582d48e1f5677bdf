//! Finds the end of a literal, an identifier or a comment, as PostgreSQL's lexer does.

pub(super) enum Quoted {
    /// The position after the closing quote.
    Ends(usize),
    Open,
    /// The end depends on a setting of the session that is not known.
    Doubtful,
}

/// Finds the end of the literal that opens at `at`.
pub(super) fn quoted(bytes: &[u8], at: usize, escapes: bool) -> Quoted {
    let mut i = at + 1;
    while i < bytes.len() {
        match bytes[i] {
            b'\\' if escapes => i += 2,
            b'\\' if bytes.get(i + 1) == Some(&b'\'') => return Quoted::Doubtful,
            // Two backslashes are one character with escapes and two without. In both cases they do not affect the quote.
            b'\\' if bytes.get(i + 1) == Some(&b'\\') => i += 2,
            b'\'' if bytes.get(i + 1) == Some(&b'\'') => i += 2,
            b'\'' => return Quoted::Ends(i + 1),
            _ => i += 1,
        }
    }
    Quoted::Open
}

/// Whether the character before `at` belongs to a word that continues at `at`.
pub(super) fn continues_word(bytes: &[u8], at: usize) -> bool {
    at > 0 && (bytes[at - 1].is_ascii_alphanumeric() || matches!(bytes[at - 1], b'_' | b'$') || bytes[at - 1] >= 0x80)
}

/// The end of the dollar-quoted literal that opens at `at`. `None`: no literal opens there.
pub(super) fn dollar_quoted(bytes: &[u8], at: usize) -> Option<usize> {
    let tag = bytes[at + 1..].iter().position(|byte| !(byte.is_ascii_alphanumeric() || *byte == b'_' || *byte >= 0x80))?;
    let end = at + 1 + tag;
    if bytes[end] != b'$' || bytes[at + 1].is_ascii_digit() {
        return None;
    }
    let fence = &bytes[at..=end];
    let closes = bytes[end + 1..].windows(fence.len()).position(|window| window == fence);
    Some(closes.map_or(bytes.len(), |length| end + 1 + length + fence.len()))
}

/// The end of the quoted identifier that opens at `at`. An unclosed identifier ends at the end of the text.
pub(super) fn identifier(bytes: &[u8], at: usize) -> usize {
    let mut i = at + 1;
    while i < bytes.len() {
        match bytes[i] {
            b'"' if bytes.get(i + 1) == Some(&b'"') => i += 2,
            b'"' => return i + 1,
            _ => i += 1,
        }
    }
    bytes.len()
}

/// The end of the nested comment that opens at `at`, and whether the comment is closed.
pub(super) fn block_comment(bytes: &[u8], at: usize) -> (usize, bool) {
    let (mut i, mut depth) = (at, 0_usize);
    while i < bytes.len() {
        if bytes[i..].starts_with(b"/*") {
            depth += 1;
            i += 2;
        } else if bytes[i..].starts_with(b"*/") {
            depth -= 1;
            i += 2;
            if depth == 0 {
                return (i, true);
            }
        } else {
            i += 1;
        }
    }
    (bytes.len(), false)
}
