//! Parses one value of an annotation. An error names the annotation and the allowed values.

use crate::connect::conninfo::{RequireAuth, SslMode};

pub(super) fn flag(text: &str, name: &str) -> Result<bool, String> {
    match text {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(format!("{name} is neither \"true\" nor \"false\": set one of them, in quotes")),
    }
}

/// The name of a Secret in the pod's own namespace. A user who may annotate a pod must not reach the Secrets of other namespaces.
pub(super) fn secret_name<'a>(text: &'a str, name: &str) -> Result<&'a str, String> {
    let fits = text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'.'));
    if fits && text.starts_with(|first: char| first != '-' && first != '.') {
        return Ok(text);
    }
    Err(format!(
        "{name} is not a valid name of a Secret: set the name of a Secret in the pod's namespace (lower-case letters, digits, '-' and '.')"
    ))
}

pub(super) fn number(text: &str, name: &str) -> Result<u16, String> {
    text.trim()
        .parse()
        .ok()
        .filter(|port| *port > 0)
        .ok_or_else(|| format!("{name} is not a port: set a number from 1 to 65535, in quotes"))
}

/// The methods by which the server may verify the login.
pub(super) fn authentication(text: &str, name: &str) -> Result<RequireAuth, String> {
    text.parse()
        .map_err(|_| format!("{name} is not a list of methods: write scram-sha-256, md5, password, none, or those to refuse with '!'"))
}

pub(super) fn ssl(text: &str, name: &str) -> Result<SslMode, String> {
    text.parse().map_err(|_| format!("{name} has an unknown value: set disable, allow, prefer, require, verify-ca or verify-full"))
}
