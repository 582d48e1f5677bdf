//! The environment variables that complete a connection string.

use std::collections::BTreeMap;
use std::path::PathBuf;

/// The environment variables that complete a connection string.
#[derive(Debug, Clone, Default)]
pub struct Environment {
    /// The `PG*` variables, `HOME`, `USER` and `LOGNAME`.
    variables: BTreeMap<String, String>,
}

impl Environment {
    /// The variables of this process.
    #[must_use]
    pub fn of_process() -> Self {
        std::env::vars_os().filter_map(|(key, value)| Some((key.into_string().ok()?, value.into_string().ok()?))).collect()
    }

    pub(crate) fn get(&self, key: &str) -> Option<&str> {
        self.variables.get(key).map(String::as_str).filter(|value| !value.is_empty())
    }

    pub(super) fn home(&self, file: &str) -> Option<PathBuf> {
        self.get("HOME").map(|home| PathBuf::from(home).join(file))
    }
}

impl FromIterator<(String, String)> for Environment {
    fn from_iter<T: IntoIterator<Item = (String, String)>>(variables: T) -> Self {
        let mine = |key: &str| key.starts_with("PG") || key == "HOME" || key == "USER" || key == "LOGNAME";
        Self { variables: variables.into_iter().filter(|(key, _)| mine(key)).collect() }
    }
}
