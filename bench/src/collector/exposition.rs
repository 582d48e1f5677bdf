//! Parses an exporter's text format into the samples that Prometheus would ship.

use anyhow::{Context, Result};

use crate::peers::Series;

/// The samples of a scrape, with the labels that Prometheus adds.
///
/// # Errors
/// If a line is not in the text format.
pub(crate) fn samples(text: &str, instance: &str) -> Result<Vec<(Series, f64)>> {
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(|line| sample(line, instance).with_context(|| format!("parse '{line}'"))).collect()
}

fn sample(line: &str, instance: &str) -> Option<(Series, f64)> {
    let split = line.find(['{', ' '])?;
    let (name, mut rest) = line.split_at(split);
    let mut labels: Vec<(String, String)> = Vec::new();
    if let Some(inside) = rest.strip_prefix('{') {
        rest = inside;
        while !rest.starts_with('}') {
            let (label, tail) = rest.split_once("=\"")?;
            let (value, tail) = quoted(tail)?;
            labels.push((label.to_owned(), value));
            rest = tail.strip_prefix(',').unwrap_or(tail);
        }
        rest = &rest[1..];
    }
    let value = rest.split_whitespace().next()?.parse().ok()?;
    let given = labels.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    Some((Series::new(given.chain([("__name__", name), ("instance", instance), ("job", "postgres")])), value))
}

/// The text up to the closing quote, unescaped, and the rest after the quote.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut out = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((out, &text[at + 1..])),
            '\\' => out.push(match characters.next()?.1 {
                'n' => '\n',
                other => other,
            }),
            other => out.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::{quoted, samples};

    #[test]
    fn samples_are_found_between_comments() {
        let text = "# HELP a b\n# TYPE a counter\na{x=\"1\",y=\"a \\\"b\\\", }\"} 1.5e+06\nb 2\nc{} NaN\n";
        let values: Vec<f64> = samples(text, "db").expect("the text format").into_iter().map(|(_, value)| value).collect();
        assert_eq!(values[..2], [1.5e6, 2.0]);
        assert!(values[2].is_nan());
        assert!(samples("no value", "db").is_err());
    }

    #[test]
    fn escapes_in_labels_are_unescaped() {
        assert_eq!(quoted("a\\n\\\\\\\"b\"rest"), Some(("a\n\\\"b".to_owned(), "rest")));
    }
}
