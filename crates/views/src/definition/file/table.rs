//! A TOML table of a definition file. It knows its path in the file, so that its errors name the place.

use std::time::Duration;

use super::super::column::OLDEST_VERSION;
use super::super::duration::parse_duration;
use super::super::error::DefinitionError;

pub(super) struct Table<'a> {
    pub(super) file: &'a str,
    /// Ends in a dot, or is empty for the file's top level.
    pub(super) path: String,
    pub(super) content: &'a toml::Table,
}

impl Table<'_> {
    pub(super) fn error(&self, key: &str, problem: String, remedy: &str) -> DefinitionError {
        DefinitionError { file: self.file.into(), key: format!("{}{key}", self.path), problem, remedy: remedy.into() }
    }

    pub(super) fn missing(&self, key: &str, remedy: &str) -> DefinitionError {
        self.error(key, "is missing".into(), remedy)
    }

    /// Refuses keys other than these.
    pub(super) fn only(&self, known: &[&str]) -> Result<(), DefinitionError> {
        let Some(key) = self.content.keys().find(|key| !known.contains(&key.as_str())) else { return Ok(()) };
        let nearest = known.iter().max_by(|a, b| strsim::jaro_winkler(key, a).total_cmp(&strsim::jaro_winkler(key, b)));
        let remedy = nearest.map_or_else(String::new, |nearest| format!("did you mean '{nearest}'?"));
        Err(self.error(key, "is not a key of a view definition".into(), &remedy))
    }

    pub(super) fn string_opt(&self, key: &str) -> Result<Option<String>, DefinitionError> {
        match self.content.get(key) {
            None => Ok(None),
            Some(toml::Value::String(text)) if !text.trim().is_empty() => Ok(Some(text.clone())),
            Some(_) => Err(self.error(key, "is not a text".into(), "write a text in quotes")),
        }
    }

    pub(super) fn string(&self, key: &str) -> Result<String, DefinitionError> {
        self.string_opt(key)?.ok_or_else(|| self.missing(key, "write a text in quotes"))
    }

    /// A name that SQL takes without quotes.
    pub(super) fn identifier(&self, key: &str) -> Result<String, DefinitionError> {
        let name = self.string(key)?;
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        if name.chars().all(plain) && !name.starts_with(|c: char| c.is_ascii_digit()) {
            return Ok(name);
        }
        Err(self.error(key, format!("'{name}' is not an SQL name"), "use lower-case letters, digits and underscores"))
    }

    pub(super) fn integer(&self, key: &str) -> Result<Option<i64>, DefinitionError> {
        match self.content.get(key) {
            None => Ok(None),
            Some(toml::Value::Integer(number)) => Ok(Some(*number)),
            Some(_) => Err(self.error(key, "is not an integer".into(), "give a whole number")),
        }
    }

    /// True or false; false by default.
    pub(super) fn flag(&self, key: &str) -> Result<bool, DefinitionError> {
        match self.content.get(key) {
            None => Ok(false),
            Some(toml::Value::Boolean(flag)) => Ok(*flag),
            Some(_) => Err(self.error(key, "is neither true nor false".into(), "write true or false")),
        }
    }

    /// A list of texts; empty by default.
    pub(super) fn strings(&self, key: &str) -> Result<Vec<String>, DefinitionError> {
        let not_strings = || self.error(key, "is not a list of texts".into(), "write [\"a\", \"b\"]");
        let Some(value) = self.content.get(key) else { return Ok(Vec::new()) };
        let items = value.as_array().ok_or_else(not_strings)?;
        items.iter().map(|item| item.as_str().map(Into::into).ok_or_else(not_strings)).collect()
    }

    /// A PostgreSQL major version.
    pub(super) fn version(&self, key: &str) -> Result<Option<u32>, DefinitionError> {
        self.integer(key)?.map(|number| self.supported(key, number)).transpose()
    }

    /// Checks that a number is a PostgreSQL major version that the collector reads.
    pub(super) fn supported(&self, key: &str, number: i64) -> Result<u32, DefinitionError> {
        match u32::try_from(number) {
            Ok(version) if (OLDEST_VERSION..100).contains(&version) => Ok(version),
            _ => Err(self.error(key, format!("{number} is not a supported major version"), "give 14 or a later major version")),
        }
    }

    pub(super) fn duration(&self, key: &str) -> Result<Option<Duration>, DefinitionError> {
        let Some(text) = self.string_opt(key)? else { return Ok(None) };
        parse_duration(&text).map(Some).ok_or_else(|| {
            self.error(key, format!("'{text}' is not a duration"), "write a number with the unit ms, s, m, h or d, such as \"10s\"")
        })
    }

    pub(super) fn one_of<T: Clone>(&self, key: &str, default: Option<T>, choices: &[(&str, T)]) -> Result<T, DefinitionError> {
        let names = || choices.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
        let Some(text) = self.string_opt(key)? else {
            return default.ok_or_else(|| self.missing(key, &format!("give one of: {}", names())));
        };
        choices
            .iter()
            .find(|(name, _)| *name == text)
            .map(|(_, value)| value.clone())
            .ok_or_else(|| self.error(key, format!("'{text}' is unknown"), &format!("give one of: {}", names())))
    }

    /// The tables of an array of tables, each read by `read`.
    pub(super) fn tables<T>(&self, key: &str, read: fn(&Table<'_>) -> Result<T, DefinitionError>) -> Result<Vec<T>, DefinitionError> {
        let not_tables = || self.error(key, "is not an array of tables".into(), &format!("write [[{key}]]"));
        let Some(value) = self.content.get(key) else { return Ok(Vec::new()) };
        let array = value.as_array().ok_or_else(not_tables)?;
        array
            .iter()
            .enumerate()
            .map(|(i, item)| {
                let content = item.as_table().ok_or_else(not_tables)?;
                read(&Table { file: self.file, path: format!("{key}[{i}]."), content })
            })
            .collect()
    }
}
