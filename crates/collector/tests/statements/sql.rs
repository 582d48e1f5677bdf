//! A small reader of SQL: enough to find names without a schema in the collector's own statements.

use std::collections::BTreeSet;

/// Words that the grammar itself reads before a parenthesis. They are no functions that a search path could replace.
const GRAMMAR: &str = " in exists any all values over filter as coalesce greatest least nullif extract and or not on from join lateral select \
                       where by distinct when then else case using materialized union between like is ";
/// Schemas whose objects the statements name: the catalog, and the schema of an extension, which the probe fills in.
const SCHEMAS: [&str; 2] = ["pg_catalog", "{schema}"];

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    /// A word, or a name in quotes.
    Name(String),
    /// A literal, with its quotes.
    Text(String),
    /// `{schema}` and other places that the code fills in.
    Place(String),
    Cast,
    Other(char),
}

/// The functions, types and relations of a statement that stand without a schema, and literals whose meaning depends on a setting.
pub(super) fn unqualified(sql: &str) -> Vec<String> {
    let tokens = tokens(sql);
    let word = |at: usize| match tokens.get(at) {
        Some(Token::Name(name)) => name.as_str(),
        _ => "",
    };
    let is = |at: usize, other: char| tokens.get(at) == Some(&Token::Other(other));
    let named: BTreeSet<&str> = (0..tokens.len())
        .filter(|at| word(at + 1) == "as" && (is(at + 2, '(') || word(at + 2) == "materialized"))
        .filter(|at| word(at.wrapping_sub(1)) == "with" || is(at.wrapping_sub(1), ','))
        .map(word)
        .collect();
    let mut found = Vec::new();
    // For each open parenthesis, whether the words in it are a list of relations; `extract(epoch from a)` has none.
    let mut lists = vec![false];
    let mut previous_was_extract = false;
    let mut extracts = vec![false];
    for (at, token) in tokens.iter().enumerate() {
        let is_qualified = at >= 2 && is(at - 1, '.');
        match token {
            Token::Text(text) if text.contains('\\') && text.starts_with('\'') => found.push(text.clone()),
            Token::Text(text)
                if text.starts_with('\'') && matches!(word(at.wrapping_sub(1)), "interval" | "timestamp" | "date" | "numeric") =>
            {
                found.push(format!("{} {text}", word(at - 1)));
            }
            Token::Other('(') => {
                lists.push(false);
                extracts.push(previous_was_extract);
            }
            Token::Other(')') => {
                lists.pop();
                extracts.pop();
            }
            Token::Cast if !SCHEMAS.contains(&word(at + 1)) => found.push(format!("::{}", word(at + 1))),
            Token::Name(name) if !is_qualified => {
                let in_extract = extracts.last().copied().unwrap_or_default();
                if let Some(list) = lists.last_mut() {
                    match name.as_str() {
                        "from" if word(at.wrapping_sub(1)) != "distinct" && !in_extract => *list = true,
                        "where" | "group" | "order" | "limit" | "select" | "union" | "on" => *list = false,
                        _ => {}
                    }
                }
                let lists_relations = lists.last().copied().unwrap_or_default();
                let before = word(at.wrapping_sub(1));
                let is_relation = name != "lateral"
                    && (before == "join" || (lists_relations && (before == "from" || is(at.wrapping_sub(1), ','))) || before == "lateral");
                if is_relation && !(SCHEMAS.contains(&name.as_str()) && is(at + 1, '.')) && !named.contains(name.as_str()) {
                    let rest = if is(at + 1, '.') { format!(".{}", word(at + 2)) } else { String::new() };
                    found.push(format!("{name}{rest}"));
                } else if is(at + 1, '.') && is(at + 3, '(') && !SCHEMAS.contains(&name.as_str()) {
                    found.push(format!("{name}.{}(", word(at + 2)));
                } else if is(at + 1, '(') && !GRAMMAR.contains(&format!(" {name} ")) {
                    found.push(format!("{name}("));
                }
            }
            _ => {}
        }
        previous_was_extract = matches!(token, Token::Name(name) if name == "extract");
    }
    found
}

/// The tokens of a statement, without comments. Words are in lower case.
fn tokens(sql: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = sql;
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '-' if rest.starts_with("--") => rest.find('\n').unwrap_or(rest.len()),
            '\'' => quoted(rest, '\''),
            '"' => quoted(rest, '"'),
            '$' if rest.starts_with("$$") => rest[2..].find("$$").map_or(rest.len(), |end| end + 4),
            '{' => rest.find('}').map_or(rest.len(), |end| end + 1),
            ':' if rest.starts_with("::") => 2,
            letter if letter.is_alphabetic() || letter == '_' => {
                rest.find(|letter: char| !letter.is_alphanumeric() && letter != '_').unwrap_or(rest.len())
            }
            digit if digit.is_ascii_digit() => rest.find(|letter: char| !letter.is_alphanumeric() && letter != '.').unwrap_or(rest.len()),
            other => other.len_utf8(),
        };
        let (text, after) = rest.split_at(length);
        rest = after;
        tokens.push(match first {
            '\'' | '$' if length > 1 => Token::Text(text.into()),
            '"' => Token::Name(text.into()),
            '{' => Token::Place(text.into()),
            ':' if length == 2 => Token::Cast,
            letter if letter.is_alphabetic() || letter == '_' => Token::Name(text.to_lowercase()),
            '-' if length > 1 => continue,
            blank if blank.is_whitespace() => continue,
            other => Token::Other(other),
        });
    }
    // A filled-in schema is a name.
    tokens.into_iter().map(|token| if token == Token::Place("{schema}".into()) { Token::Name("{schema}".into()) } else { token }).collect()
}

/// The length of a literal or a name in quotes, in which a doubled quote stands for one.
fn quoted(text: &str, quote: char) -> usize {
    let mut rest = text.char_indices().skip(1).peekable();
    while let Some((at, letter)) = rest.next() {
        if letter == quote && rest.next_if(|(_, next)| *next == quote).is_none() {
            return at + letter.len_utf8();
        }
    }
    text.len()
}

/// The string literals of Rust code, without escapes.
pub(super) fn literals(code: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = code;
    while let Some(first) = rest.chars().next() {
        if rest.starts_with("//") {
            rest = rest.split_once('\n').map_or("", |(_, rest)| rest);
        } else if let Some(after) = ["'\"'", "'\\''", "'\\\\'", "b'\"'"].iter().find_map(|letter| rest.strip_prefix(letter)) {
            rest = after;
        } else if first == '"' {
            let (mut literal, mut escaped, mut end) = (String::new(), false, rest.len());
            for (at, letter) in rest.char_indices().skip(1) {
                if escaped {
                    literal.push_str(&match letter {
                        // The line goes on behind the blanks of the next one.
                        '\n' => "\n".to_owned(),
                        'n' => "\n".to_owned(),
                        '\\' | '"' | '\'' => letter.to_string(),
                        other => format!("\\{other}"),
                    });
                    escaped = false;
                } else if letter == '\\' {
                    escaped = true;
                } else if letter == '"' {
                    end = at + 1;
                    break;
                } else {
                    literal.push(letter);
                }
            }
            found.push(literal);
            rest = &rest[end..];
        } else {
            rest = &rest[first.len_utf8()..];
        }
    }
    found
}
