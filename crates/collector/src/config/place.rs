//! A table of the configuration with its place, for errors, and with the environment variables that override it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use pganalytics_views::parse_duration;

use super::value::{self, Switch};

/// A problem in the configuration: its place, its cause and its remedy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {key}: {problem}; {remedy}")]
pub struct ConfigError {
    /// The file, `environment`, or `flags`.
    pub place: String,
    pub key: String,
    pub problem: String,
    pub remedy: String,
}

/// A table with its place, for errors, and with the environment variables that override it.
pub(super) struct Place<'a> {
    place: &'a str,
    path: String,
    pub(super) table: toml::Table,
    environment: &'a BTreeMap<String, String>,
}

impl<'a> Place<'a> {
    /// The whole file.
    pub(super) fn root(place: &'a str, text: &str, environment: &'a BTreeMap<String, String>) -> Result<Self, ConfigError> {
        let table = text.parse().map_err(|error: toml::de::Error| ConfigError {
            place: place.into(),
            key: "(file)".into(),
            // The parser's message quotes the line, which may hold a secret.
            problem: format!(
                "is not valid TOML: {}{}",
                error.message(),
                error.span().map_or_else(String::new, |span| line_of(text, span.start))
            ),
            remedy: "correct this line".into(),
        })?;
        Ok(Self { place, path: String::new(), table, environment })
    }

    /// All variables that are set.
    pub(super) fn environment(&self) -> &'a BTreeMap<String, String> {
        self.environment
    }

    pub(super) fn error(&self, key: &str, problem: &str, remedy: &str) -> ConfigError {
        ConfigError { place: self.place.into(), key: format!("{}{key}", self.path), problem: problem.into(), remedy: remedy.into() }
    }

    pub(super) fn only(&self, known: &[&str]) -> Result<(), ConfigError> {
        let Some(key) = self.table.keys().find(|key| !known.contains(&key.as_str())) else { return Ok(()) };
        let nearest = known.iter().max_by(|a, b| strsim::jaro_winkler(key, a).total_cmp(&strsim::jaro_winkler(key, b)));
        let remedy = nearest.map_or_else(|| "remove it".to_owned(), |nearest| format!("did you mean '{nearest}'?"));
        Err(self.error(key, "is not a known key", &remedy))
    }

    pub(super) fn table_of(&self, key: &str) -> Result<Place<'a>, ConfigError> {
        let table = match self.table.get(key) {
            None => toml::Table::new(),
            Some(toml::Value::Table(table)) => table.clone(),
            Some(_) => return Err(self.error(key, "is not a table", &format!("write [{}{key}]", self.path))),
        };
        Ok(Place { place: self.place, path: format!("{}{key}.", self.path), table, environment: self.environment })
    }

    pub(super) fn tables_of(&self, key: &str) -> Result<Vec<Place<'a>>, ConfigError> {
        let wrong = || self.error(key, "is not an array of tables", &format!("write [[{key}]]"));
        let Some(value) = self.table.get(key) else { return Ok(Vec::new()) };
        let tables = value.as_array().ok_or_else(wrong)?.iter().enumerate();
        tables
            .map(|(i, value)| {
                let table = value.as_table().ok_or_else(wrong)?.clone();
                Ok(Place { place: self.place, path: format!("{key}[{i}]."), table, environment: self.environment })
            })
            .collect()
    }

    /// The value of the variable, else the value in the file.
    pub(super) fn string(&self, key: &str, variable: &str) -> Result<Option<String>, ConfigError> {
        if let Some(value) = self.environment.get(variable).filter(|value| !value.is_empty()) {
            return Ok(Some(value.clone()));
        }
        match self.table.get(key) {
            None => Ok(None),
            Some(toml::Value::String(text)) if !text.trim().is_empty() => Ok(Some(text.clone())),
            Some(_) => Err(self.error(key, "is not a non-empty string", "write a text in quotes")),
        }
    }

    /// The value of a variable that has no key of the same name.
    pub(super) fn variable(&self, name: &str) -> Option<String> {
        self.environment.get(name).filter(|value| !value.is_empty()).cloned()
    }

    /// The files of a certificate and its key: both or neither.
    pub(super) fn pair(&self, certificate: (&str, &str), key: (&str, &str)) -> Result<(Option<PathBuf>, Option<PathBuf>), ConfigError> {
        let read = |(name, variable): (&str, &str)| Ok(self.string(name, variable)?.map(PathBuf::from));
        let pair = (read(certificate)?, read(key)?);
        match pair {
            (Some(_), None) => {
                Err(self.error(key.0, "is missing", &format!("set it to the file with the key of the certificate in {}", certificate.0)))
            }
            (None, Some(_)) => {
                Err(self.error(certificate.0, "is missing", &format!("set it to the file with the certificate of the key in {}", key.0)))
            }
            pair => Ok(pair),
        }
    }

    /// A list: an array in the file, or words separated by commas in the variable.
    pub(super) fn words(&self, key: &str, variable: &str) -> Result<Option<Vec<String>>, ConfigError> {
        match self.environment.get(variable).filter(|value| !value.is_empty()) {
            Some(value) => Ok(Some(value.split(',').map(|word| word.trim().to_owned()).filter(|word| !word.is_empty()).collect())),
            None => self.strings(key),
        }
    }

    /// A text that is parsed. The error lists the valid values.
    pub(super) fn parsed<T: FromStr<Err = String>>(&self, key: &str, variable: &str) -> Result<Option<T>, ConfigError> {
        let Some(text) = self.string(key, variable)? else { return Ok(None) };
        text.parse().map(Some).map_err(|remedy: String| self.error(key, &format!("'{text}' is not a valid value"), &remedy))
    }

    /// A boolean in the file, or the words true and false in the variable.
    pub(super) fn switch(&self, key: &str, variable: &str) -> Result<Option<bool>, ConfigError> {
        if let Some(toml::Value::Boolean(switch)) = self.table.get(key).filter(|_| !self.environment.contains_key(variable)) {
            return Ok(Some(*switch));
        }
        self.parsed(key, variable)?.map_or(Ok(None), |Switch(switch)| Ok(Some(switch)))
    }

    pub(super) fn strings(&self, key: &str) -> Result<Option<Vec<String>>, ConfigError> {
        let Some(value) = self.table.get(key) else { return Ok(None) };
        let texts = value.as_array().and_then(|array| array.iter().map(|value| value.as_str().map(Into::into)).collect());
        texts.map(Some).ok_or_else(|| self.error(key, "is not a list of strings", "write a list such as [\"app\", \"shop_*\"]"))
    }

    pub(super) fn positive(&self, key: &str) -> Result<Option<usize>, ConfigError> {
        let Some(value) = self.table.get(key) else { return Ok(None) };
        let number = value.as_integer().and_then(|number| usize::try_from(number).ok()).filter(|number| *number > 0);
        number.map(Some).ok_or_else(|| self.error(key, "is not a positive whole number", "write a whole number above 0"))
    }

    pub(super) fn duration(&self, key: &str, variable: &str) -> Result<Option<Duration>, ConfigError> {
        let Some(text) = self.string(key, variable)? else { return Ok(None) };
        let wrong =
            || self.error(key, &format!("'{text}' is not a duration"), "write a number with the unit ms, s, m, h or d, such as \"10s\"");
        parse_duration(&text).map(Some).ok_or_else(wrong)
    }

    pub(super) fn size(&self, key: &str, variable: &str) -> Result<Option<u64>, ConfigError> {
        let wrong = || {
            self.error(key, "is not a size", "write a number of bytes, or a number with the unit KiB, MiB, GiB or TiB, such as \"1GiB\"")
        };
        if self.environment.get(variable).is_none_or(String::is_empty)
            && let Some(toml::Value::Integer(bytes)) = self.table.get(key)
        {
            return u64::try_from(*bytes).map(Some).map_err(|_| wrong());
        }
        let Some(text) = self.string(key, variable)? else { return Ok(None) };
        value::size(&text).map(Some).ok_or_else(wrong)
    }
}

fn line_of(text: &str, offset: usize) -> String {
    format!(" (line {})", text.get(..offset).map_or(0, |front| front.matches('\n').count()) + 1)
}
