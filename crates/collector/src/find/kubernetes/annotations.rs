//! What a pod's annotations ask for: ours, and those that users of coroot and Datadog have written already.
//!
//! | ours | coroot's | Datadog's `ad.datadoghq.com/<container>.checks` |
//! |---|---|---|
//! | `pganalytics.io/scrape` | `coroot.com/postgres-scrape` | a check named `postgres` |
//! | `/port` | `-port` | `port` of its instance |
//! | `/database` | | `dbname` |
//! | `/sslmode` | `-param-sslmode` | `ssl` |
//! | `/secret-name` | `-credentials-secret-name` | `password: "ENC[k8s_secret@namespace/name/key]"` |
//! | `/secret-username-key` | `-credentials-secret-username-key` | |
//! | `/secret-password-key` | `-credentials-secret-password-key` | |
//! | | `-credentials-username` | `username` |
//!
//! On a pod that an operator's labels mark as a server, ours need no `scrape`.
//!
//! A password in an annotation is never read: who may see pods would see it.

use std::collections::BTreeMap;

use pganalytics_kubernetes::api::Pod;
use serde_json::Value;

use super::recognise::{Candidate, Login, User, containers, get};
use crate::connect::conninfo::SslMode;

const OURS: &str = "pganalytics.io/";
/// Our keys; another one beside `scrape` is a slip of the pen.
const OUR_KEYS: [&str; 7] = ["scrape", "port", "database", "sslmode", "secret-name", "secret-username-key", "secret-password-key"];
const COROOT: &str = "coroot.com/postgres-scrape";
const DATADOG: &str = "ad.datadoghq.com/";
/// The API takes annotations of 256 kB in all; a check's JSON has a few hundred bytes.
const JSON_CAP: usize = 64 * 1024;

/// What was asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Annotated {
    pub scrape: Option<bool>,
    pub container: Option<String>,
    port: Option<u16>,
    database: Option<String>,
    sslmode: Option<SslMode>,
    user: Option<String>,
    login: Option<Login>,
}

impl Annotated {
    /// What is asked for stands above what is usual.
    pub(super) fn lay_over(self, candidate: &mut Candidate) {
        candidate.port = self.port.unwrap_or(candidate.port);
        candidate.sslmode = self.sslmode.or(candidate.sslmode);
        candidate.database = self.database.or_else(|| candidate.database.take());
        candidate.user = self.user.or_else(|| candidate.user.take());
        if let Some(login) = self.login {
            candidate.logins = vec![login];
            candidate.login_is_asked_for = true;
        }
    }
}

/// Reads the three families; the first that says anything is taken. `operated`: whether an operator's labels say already that the pod is a
/// server.
///
/// # Errors
/// What cannot be followed, and the remedy. Never holds a value that could be a password.
pub(super) fn read(pod: &Pod, operated: bool) -> Result<Annotated, String> {
    let Some(annotations) = pod.metadata.annotations.as_ref() else { return Ok(Annotated::default()) };
    for family in [ours(annotations, operated)?, coroot(annotations)?] {
        if family != Annotated::default() {
            return Ok(family);
        }
    }
    datadog(pod, annotations)
}

/// Only where nothing else says that the pod is a server must `scrape` say it. Operators put annotations on the pods of their jobs too, so
/// what stands without it on a pod that is no server is no mistake.
fn ours(annotations: &BTreeMap<String, String>, operated: bool) -> Result<Annotated, String> {
    let of = |key: &str| get(Some(annotations), &format!("{OURS}{key}"));
    let scrape = of("scrape");
    if scrape.is_none() && !operated {
        return Ok(Annotated::default());
    }
    let name = |key: &str| format!("annotation {OURS}{key}");
    for key in annotations.keys().filter_map(|key| key.strip_prefix(OURS)) {
        if !OUR_KEYS.contains(&key) {
            let nearest = OUR_KEYS.iter().max_by(|a, b| strsim::jaro_winkler(key, a).total_cmp(&strsim::jaro_winkler(key, b)));
            return Err(format!("{} is none that is known: did you mean {OURS}{}?", name(key), nearest.unwrap_or(&"scrape")));
        }
    }
    let secret = of("secret-name").map(|secret| secret_name(secret, &name("secret-name"))).transpose()?;
    let its_key = ["secret-username-key", "secret-password-key"].into_iter().find(|key| of(key).is_some());
    if let (None, Some(key)) = (secret, its_key) {
        return Err(format!("{} is a key of a Secret that nothing names: name it in {}", name(key), name("secret-name")));
    }
    Ok(Annotated {
        scrape: scrape.map(|scrape| flag(scrape, &name("scrape"))).transpose()?,
        port: of("port").map(|port| number(port, &name("port"))).transpose()?,
        database: of("database").map(Into::into),
        sslmode: of("sslmode").map(|mode| ssl(mode, &name("sslmode"))).transpose()?,
        login: login(secret, None, of("secret-username-key"), of("secret-password-key")),
        ..Annotated::default()
    })
}

fn coroot(annotations: &BTreeMap<String, String>) -> Result<Annotated, String> {
    // They take nothing but this word for yes.
    if get(Some(annotations), COROOT) != Some("true") {
        return Ok(Annotated::default());
    }
    let of = |key: &str| get(Some(annotations), &format!("{COROOT}-{key}"));
    let name = |key: &str| format!("annotation {COROOT}-{key}");
    let secret = of("credentials-secret-name").map(|secret| secret_name(secret, &name("credentials-secret-name"))).transpose()?;
    if secret.is_none() && of("credentials-password").is_some() {
        return Err(format!(
            "{} is not read, since everybody who sees the pod sees it: put the login into a Secret and name it in {}",
            name("credentials-password"),
            name("credentials-secret-name")
        ));
    }
    Ok(Annotated {
        scrape: Some(true),
        port: of("port").map(|port| number(port, &name("port"))).transpose()?,
        sslmode: of("param-sslmode").map(|mode| ssl(mode, &name("param-sslmode"))).transpose()?,
        user: of("credentials-username").map(Into::into),
        login: login(secret, of("credentials-username"), of("credentials-secret-username-key"), of("credentials-secret-password-key")),
        ..Annotated::default()
    })
}

fn login(secret: Option<&str>, user: Option<&str>, user_key: Option<&str>, password_key: Option<&str>) -> Option<Login> {
    let user = match (user_key, user) {
        (None, Some(user)) => User::Named(user.into()),
        (key, _) => User::Key(key.unwrap_or("username").into()),
    };
    Some(Login { secret: secret?.into(), user, password_key: password_key.unwrap_or("password").into() })
}

/// The newer form is one object of checks; the older has their names and their instances in two lists.
fn datadog(pod: &Pod, annotations: &BTreeMap<String, String>) -> Result<Annotated, String> {
    for (key, text) in annotations {
        let Some(rest) = key.strip_prefix(DATADOG) else { continue };
        let found = if let Some(container) = rest.strip_suffix(".checks") {
            let checks = json(key, text)?;
            let instances = checks.get("postgres").map(|check| check.get("instances").cloned().unwrap_or_default());
            instances.map(|instances| (container, instances))
        } else if let Some(container) = rest.strip_suffix(".check_names") {
            let names = json(key, text)?;
            let at = names.as_array().and_then(|names| names.iter().position(|name| name == "postgres"));
            let instances = match at {
                None => None,
                Some(at) => {
                    let key = format!("{DATADOG}{container}.instances");
                    let text = annotations.get(&key).ok_or_else(|| format!("annotation {key} is missing beside check_names: add it"))?;
                    let instances = json(&key, text)?;
                    // One instance a name, or a list of them.
                    Some(match instances.get(at) {
                        Some(Value::Array(list)) => Value::Array(list.clone()),
                        Some(one) => Value::Array(vec![one.clone()]),
                        None => Value::Null,
                    })
                }
            };
            instances.map(|instances| (container, instances))
        } else {
            None
        };
        if let Some((container, instances)) = found {
            let instances = instances.as_array().map(Vec::as_slice).unwrap_or_default();
            return instances.iter().find_map(|one| instance(pod, key, container, one).transpose()).unwrap_or(Ok(Annotated::default()));
        }
    }
    Ok(Annotated::default())
}

/// One instance of a check; `None` where it is about another host than the pod.
fn instance(pod: &Pod, key: &str, container: &str, instance: &Value) -> Result<Option<Annotated>, String> {
    let of = |name: &str| instance.get(name).and_then(text).filter(|text| !text.is_empty());
    if of("host").is_some_and(|host| !host.starts_with("%%host")) {
        return Ok(None);
    }
    let port = match of("port") {
        None => None,
        // `%%port%%` is the last of the container's ports, `%%port_name%%` and `%%port_0%%` one of them.
        Some(template) if template.starts_with("%%port") => {
            let which = template.trim_matches('%').trim_start_matches("port").trim_start_matches('_');
            let container = containers(pod).iter().find(|is| is.name == container);
            let mut ports: Vec<_> = container.and_then(|container| container.ports.as_deref()).unwrap_or_default().iter().collect();
            ports.sort_by_key(|port| port.container_port);
            let found = match which.parse::<usize>() {
                _ if which.is_empty() => ports.last(),
                Ok(at) => ports.get(at),
                Err(_) => ports.iter().find(|port| port.name.as_deref() == Some(which)),
            };
            found.and_then(|port| u16::try_from(port.container_port).ok())
        }
        Some(port) => Some(number(&port, &format!("port in annotation {key}"))?),
    };
    let sslmode = match instance.get("ssl") {
        None => None,
        Some(Value::Bool(on)) => Some(if *on { SslMode::Require } else { SslMode::Disable }),
        Some(mode) => match text(mode).unwrap_or_default().as_str() {
            "true" => Some(SslMode::Require),
            "false" => Some(SslMode::Disable),
            mode => Some(ssl(mode, &format!("ssl in annotation {key}"))?),
        },
    };
    let user = of("username");
    let secret = of("password").and_then(|password| {
        let rest = password.strip_prefix("ENC[k8s_secret@")?.strip_suffix(']')?.to_owned();
        let mut parts = rest.split('/').map(str::to_owned);
        Some((parts.next()?, parts.next()?, parts.next()?))
    });
    let login = match secret {
        None => None,
        Some((namespace, ..)) if Some(&namespace) != pod.metadata.namespace.as_ref() => {
            return Err(format!("annotation {key} names a Secret of another namespace, which is not read: copy it into the pod's own"));
        }
        Some((_, secret, password_key)) => {
            Some(Login { secret, user: user.clone().map_or_else(|| User::Key("username".into()), User::Named), password_key })
        }
    };
    Ok(Some(Annotated { scrape: Some(true), container: Some(container.into()), port, database: of("dbname"), sslmode, user, login }))
}

/// serde's errors cite what they stumble over, which may be a password; the place is enough.
fn json(key: &str, text: &str) -> Result<Value, String> {
    if text.len() > JSON_CAP {
        return Err(format!("annotation {key} is larger than {JSON_CAP} bytes and is not read: shorten it"));
    }
    serde_json::from_str(text)
        .map_err(|error| format!("annotation {key} is no JSON (line {}, column {}): correct it", error.line(), error.column()))
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn flag(text: &str, name: &str) -> Result<bool, String> {
    match text {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(format!("{name} is neither \"true\" nor \"false\": write one of them, in quotes")),
    }
}

/// A Secret of the pod's own namespace: whoever may annotate a pod must not open those of others.
fn secret_name<'a>(text: &'a str, name: &str) -> Result<&'a str, String> {
    let fits = text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'.'));
    if fits && text.starts_with(|first: char| first != '-' && first != '.') {
        return Ok(text);
    }
    Err(format!(
        "{name} is no name of a Secret: write it as it is called in the pod's namespace, in lower-case letters, digits, '-' and '.'"
    ))
}

fn number(text: &str, name: &str) -> Result<u16, String> {
    text.trim().parse().ok().filter(|port| *port > 0).ok_or_else(|| format!("{name} is no port: write a number from 1 to 65535, in quotes"))
}

fn ssl(text: &str, name: &str) -> Result<SslMode, String> {
    text.parse().map_err(|_| format!("{name} is none that is known: write disable, allow, prefer, require, verify-ca or verify-full"))
}
