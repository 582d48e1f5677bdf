//! Service files: named groups of settings, in `~/.pg_service.conf` and the system's `pg_service.conf`.
//!
//! The user's file (`servicefile=`, `PGSERVICEFILE`, or `~/.pg_service.conf`) is read first, then the system's (in `PGSYSCONFDIR`, or in
//! the folders where PostgreSQL is usually built to look). The first file that contains the service wins, as in libpq.

use std::fs;
use std::path::{Path, PathBuf};

use super::environment::Environment;
use super::error::ConninfoError;
use super::keys::{Settings, known_key};

/// `pg_config --sysconfdir` of Debian's packages, of the RPMs, and of a build from source.
const SYSTEM_FOLDERS: [&str; 3] = ["/etc/postgresql-common", "/etc/sysconfig/pgsql", "/usr/local/pgsql/etc"];

/// Reads the settings of a service.
pub(super) fn settings(service: &str, file: Option<&str>, environment: &Environment) -> Result<Settings, ConninfoError> {
    let own = match file.or_else(|| environment.get("PGSERVICEFILE")) {
        Some(file) => {
            let file = PathBuf::from(file);
            if !file.exists() {
                return Err(ConninfoError::new(
                    format!("service file {} does not exist", file.display()),
                    "correct PGSERVICEFILE or servicefile",
                ));
            }
            Some(file)
        }
        None => environment.home(".pg_service.conf"),
    };
    let system: Vec<PathBuf> = match environment.get("PGSYSCONFDIR") {
        Some(folder) => vec![folder.into()],
        None => SYSTEM_FOLDERS.iter().map(PathBuf::from).collect(),
    };
    let files: Vec<PathBuf> = own.into_iter().chain(system.into_iter().map(|folder| folder.join("pg_service.conf"))).collect();
    for file in &files {
        if let Ok(text) = fs::read_to_string(file)
            && let Some(settings) = parse(&text, service, file)?
        {
            return Ok(settings);
        }
    }
    let places = files.iter().map(|file| file.display().to_string()).collect::<Vec<_>>().join(", ");
    Err(ConninfoError::new(format!("service '{service}' is not defined"), format!("add [{service}] to one of: {places}")))
}

/// Reads the settings of one section. `None`: the file has no such section.
fn parse(text: &str, service: &str, file: &Path) -> Result<Option<Settings>, ConninfoError> {
    let mut found: Option<Settings> = None;
    for (number, line) in text.lines().enumerate() {
        let (line, place) = (line.trim(), format!("{} line {}", file.display(), number + 1));
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.split_once(']')).map(|(name, _)| name) {
            if found.is_some() {
                break;
            }
            if name == service {
                found = Some(Settings::new());
            }
            continue;
        }
        let Some(settings) = &mut found else { continue };
        if line.starts_with("ldap") {
            return Err(ConninfoError::new(
                format!("{place} refers to an LDAP server, which is not supported"),
                "write the settings into the file",
            ));
        }
        let (key, value) = line
            .split_once('=')
            .ok_or_else(|| ConninfoError::new(format!("{place} has no '='"), "write key=value, without spaces around the '='"))?;
        if key == "service" || key == "servicefile" {
            return Err(ConninfoError::new(
                format!("{place} refers to another service, which is not supported"),
                "write the settings of that service here",
            ));
        }
        settings.entry(known_key(key, &place)?).or_insert_with(|| value.to_owned());
    }
    Ok(found)
}
