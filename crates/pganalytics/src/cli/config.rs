//! The `[backend]` table of a TOML file. Its values become the defaults of the flags. So there is one list of settings (`backend/args.rs`),
//! and one place that checks each value.

use std::path::Path;

use anyhow::Context as _;
use clap::{Args as _, Command};

use crate::backend::BackendArgs;

const TABLE: &str = "backend";

/// Sets the file's values as defaults of one subcommand, which is named by its path.
///
/// # Errors
/// The file cannot be read, or has an unknown key. The error names the nearest known key.
pub(crate) fn under(command: Command, subcommand: &[&str], path: &Path) -> anyhow::Result<Command> {
    let text = std::fs::read_to_string(path).with_context(|| format!("read the configuration {}", path.display()))?;
    let values = values(&text).with_context(|| format!("read the configuration {}", path.display()))?;
    Ok(with_defaults(command, subcommand, values))
}

fn with_defaults(mut command: Command, subcommand: &[&str], values: Vec<(String, String)>) -> Command {
    if let Some((first, rest)) = subcommand.split_first() {
        return command.mut_subcommand(first, |command| with_defaults(command, rest, values));
    }
    for (key, value) in values {
        // Leaked once per process: the parser needs texts that live as long as itself.
        let value: &'static str = value.leak();
        command = command.mut_arg(key, |arg| arg.default_value(value));
    }
    command
}

fn values(text: &str) -> anyhow::Result<Vec<(String, String)>> {
    let root: toml::Table = text.parse().context("the file is not TOML")?;
    only(root.keys(), &[TABLE.to_owned()], "")?;
    let table = match root.get(TABLE) {
        None => return Ok(Vec::new()),
        Some(toml::Value::Table(table)) => table,
        Some(_) => anyhow::bail!("{TABLE}: not a table; write [{TABLE}]"),
    };
    let known: Vec<String> = BackendArgs::augment_args(Command::new(TABLE)).get_arguments().map(|arg| arg.get_id().to_string()).collect();
    only(table.keys(), &known, "backend.")?;
    table
        .iter()
        .map(|(key, value)| {
            let value = match value {
                toml::Value::String(text) => text.clone(),
                toml::Value::Integer(number) => number.to_string(),
                toml::Value::Boolean(truth) => truth.to_string(),
                _ => anyhow::bail!("{TABLE}.{key}: not a text, integer or boolean; write the value as for the flag"),
            };
            Ok((key.clone(), value))
        })
        .collect()
}

fn only<'a>(keys: impl Iterator<Item = &'a String>, known: &[String], path: &str) -> anyhow::Result<()> {
    for key in keys {
        if !known.contains(key) {
            let nearest = known.iter().max_by(|a, b| strsim::jaro_winkler(key, a).total_cmp(&strsim::jaro_winkler(key, b)));
            let remedy = nearest.map_or_else(|| "remove it".to_owned(), |nearest| format!("did you mean '{nearest}'?"));
            anyhow::bail!("{path}{key}: no such key; {remedy}");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_key_names_the_nearest_known_key() {
        let problem = |text: &str| values(text).expect_err("refused").to_string();
        assert_eq!(problem("[backend]\nretension = '1d'"), "backend.retension: no such key; did you mean 'retention'?");
        assert_eq!(problem("[bakend]"), "bakend: no such key; did you mean 'backend'?");
        assert_eq!(problem("[backend]\nlisten = 1.5"), "backend.listen: not a text, integer or boolean; write the value as for the flag");
    }

    #[test]
    fn values_are_texts_as_for_the_flags() -> anyhow::Result<()> {
        let read = values("[backend]\nmax_rows = 5\nretention = '30d'\ntrusted_proxy = true")?;
        let expected = [("max_rows", "5"), ("retention", "30d"), ("trusted_proxy", "true")];
        assert_eq!(read, expected.map(|(key, value)| (key.to_owned(), value.to_owned())));
        Ok(())
    }
}
