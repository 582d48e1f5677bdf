//! The first administrator.

use std::path::Path;

use anyhow::Context as _;
use pganalytics_server::{Secret, check_password};

/// The first admin's password, if `PGANALYTICS_ADMIN_PASSWORD` or `PGANALYTICS_ADMIN_PASSWORD_FILE` is set.
pub(super) fn admin_password() -> anyhow::Result<Option<Secret>> {
    const NAME: &str = "PGANALYTICS_ADMIN_PASSWORD";
    const FILE: &str = "PGANALYTICS_ADMIN_PASSWORD_FILE";
    let given = std::env::var(NAME).ok().filter(|password| !password.is_empty());
    let file = std::env::var_os(FILE).filter(|file| !file.is_empty());
    let (name, password) = match (given, file) {
        (Some(_), Some(_)) => anyhow::bail!("{NAME} and {FILE} are both set: remove one of them"),
        (Some(password), None) => (NAME, Secret::new(password)),
        (None, Some(file)) => {
            let text = std::fs::read_to_string(&file).with_context(|| format!("read {FILE} {}", Path::new(&file).display()))?;
            (FILE, Secret::new(text.trim_end_matches(['\r', '\n'])))
        }
        (None, None) => return Ok(None),
    };
    check_password(&password).with_context(|| format!("use the first admin's password from {name}"))?;
    Ok(Some(password))
}
