//! A query whose select list and lines depend on the PostgreSQL version.
//!
//! ```text
//! select {s.columns},            all columns of the version; {columns} without a table alias
//!        {from 16} max(x) as y   a line for version 16 and later
//! ```

use super::super::view::Listed;
use super::column::WrittenColumn;

/// Between two columns: the select list continues under its first column.
const SEPARATOR: &str = ",\n       ";
const COLUMNS: &str = "columns}";

pub(super) struct Template {
    text: String,
    lines: Vec<Line>,
}

struct Line {
    /// The first major version with this line; 0 for all versions.
    from: u32,
    text: String,
}

impl Template {
    /// Without `{columns}` the text is taken as written.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let template = |lines| Self { text: text.to_owned(), lines };
        if placeholder(text).is_none() {
            return Ok(template(Vec::new()));
        }
        let lines = text.lines().map(line).collect::<Result<_, _>>()?;
        Ok(template(lines))
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Whether `{columns}` stands for the select list.
    pub(super) fn lists_columns(&self) -> bool {
        !self.lines.is_empty()
    }

    /// The versions with which lines begin.
    pub(super) fn line_versions(&self) -> impl Iterator<Item = u32> {
        self.lines.iter().map(|line| line.from)
    }

    /// The SQL for a major version, and the place of each column in it.
    pub(super) fn render(&self, major: u32, columns: &[WrittenColumn]) -> (String, Vec<Listed>) {
        let (mut sql, mut listed) = (String::new(), Vec::new());
        for (i, line) in self.lines.iter().filter(|line| line.from <= major).enumerate() {
            if i > 0 {
                sql.push('\n');
            }
            match placeholder(&line.text) {
                None => sql.push_str(&line.text),
                Some((before, alias, after)) => {
                    sql.push_str(before);
                    select_list(major, alias, columns, &mut sql, &mut listed);
                    sql.push_str(after);
                }
            }
        }
        (sql, listed)
    }
}

/// Words that could be identifiers.
pub(super) fn words(sql: &str) -> impl Iterator<Item = &str> {
    sql.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').filter(|word| !word.is_empty())
}

fn line(text: &str) -> Result<Line, String> {
    let code = text.trim_start();
    let Some(marked) = code.strip_prefix("{from ") else { return Ok(Line { from: 0, text: text.to_owned() }) };
    let (version, rest) = marked.split_once('}').ok_or("has a {from …} without its }")?;
    let from = version.parse().map_err(|_| format!("'{version}' in {{from …}} is not a major version"))?;
    let indent = &text[..text.len() - code.len()];
    Ok(Line { from, text: format!("{indent}{}", rest.trim_start()) })
}

/// The text before `{columns}` or `{alias.columns}`, the alias with its dot, and the text behind.
fn placeholder(text: &str) -> Option<(&str, &str, &str)> {
    text.match_indices(COLUMNS).find_map(|(end, _)| {
        let (before, alias) = text[..end].rsplit_once('{')?;
        let is_alias = alias.is_empty() || alias.strip_suffix('.').is_some_and(|name| words(name).eq([name]));
        is_alias.then(|| (before, alias, &text[end + COLUMNS.len()..]))
    })
}

fn select_list(major: u32, alias: &str, columns: &[WrittenColumn], sql: &mut String, listed: &mut Vec<Listed>) {
    let mut is_first = true;
    for (at, WrittenColumn { column, expressions }) in columns.iter().enumerate().filter(|(_, written)| written.column.is_in(major)) {
        if !std::mem::take(&mut is_first) {
            sql.push_str(SEPARATOR);
        }
        let begin = sql.len();
        let name = &column.name;
        match expressions.range(..=major).next_back() {
            None => sql.extend([alias, name.as_str()]),
            Some((_, expression)) if is_reference(expression, name) => sql.push_str(expression),
            Some((_, expression)) => sql.extend([expression.as_str(), " as ", name.as_str()]),
        }
        listed.push(Listed { column: at, place: begin..sql.len() });
    }
}

/// Whether an expression is the column itself, as `name` or `alias.name`. It needs no `as` then.
fn is_reference(expression: &str, name: &str) -> bool {
    expression == name || expression.split_once('.').is_some_and(|(alias, column)| column == name && words(alias).eq([alias]))
}
