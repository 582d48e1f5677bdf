//! Reads the password file: `host:port:database:user:password` lines, `*` for anything, `\` before a `:` or `\`.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::address::{Address, SOCKET_FOLDERS};
use crate::connect::secret::Secret;

pub(super) struct Entry {
    host: String,
    port: String,
    database: String,
    user: String,
    password: Secret,
}

/// Returns the file's entries. There are none if the file does not exist or if others may read it; libpq ignores such files too.
pub(super) fn read(file: &Path) -> Vec<Entry> {
    let Ok(metadata) = fs::metadata(file) else { return Vec::new() };
    if !metadata.is_file() || metadata.permissions().mode() & 0o077 != 0 {
        tracing::warn!(file = %file.display(), "the password file is ignored: only its owner may have access (chmod 600)");
        return Vec::new();
    }
    let Ok(text) = fs::read_to_string(file) else { return Vec::new() };
    text.lines().filter(|line| !line.starts_with('#')).filter_map(entry).collect()
}

/// Returns the password of the first line that matches.
pub(super) fn find(entries: &[Entry], at: &Address, port: u16, database: &str, user: &str) -> Option<Secret> {
    // For the default socket, libpq looks for "localhost"; for any other socket, for the folder.
    let host = match at {
        Address::Tcp(host) => host.as_str(),
        Address::Socket(folder) if SOCKET_FOLDERS.iter().any(|default| folder == Path::new(default)) => "localhost",
        Address::Socket(folder) => folder.to_str().unwrap_or_default(),
    };
    let fits = |pattern: &str, value: &str| pattern == "*" || pattern == value;
    let port = port.to_string();
    entries
        .iter()
        .find(|e| fits(&e.host, host) && fits(&e.port, &port) && fits(&e.database, database) && fits(&e.user, user))
        .map(|entry| entry.password.clone())
}

fn entry(line: &str) -> Option<Entry> {
    let mut fields = vec![String::new()];
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => fields.last_mut()?.extend(chars.next()),
            // The password is the rest of the line, and may contain ':'.
            ':' if fields.len() < 5 => fields.push(String::new()),
            c => fields.last_mut()?.push(c),
        }
    }
    let [host, port, database, user, password] = <[String; 5]>::try_from(fields).ok()?;
    Some(Entry { host, port, database, user, password: Secret::new(password) })
}
