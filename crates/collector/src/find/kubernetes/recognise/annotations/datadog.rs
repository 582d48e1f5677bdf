//! Datadog's annotations: `ad.datadoghq.com/<container>.checks`, and the older `check_names` with `instances`.

use std::collections::BTreeMap;

use pganalytics_kubernetes::api::Pod;
use serde_json::Value;

use super::annotated::Annotated;
use super::value::{number, ssl};
use crate::connect::conninfo::SslMode;
use crate::find::kubernetes::recognise::candidate::{Login, User};
use crate::find::kubernetes::recognise::manifest::containers;

const DATADOG: &str = "ad.datadoghq.com/";
/// The most bytes of a check. The API allows 256 kB for all annotations; a check's JSON has a few hundred bytes.
const JSON_CAP: usize = 64 * 1024;

/// Reads both forms. The newer form is one object of checks; the older form has names and instances in two lists.
pub(super) fn read(pod: &Pod, annotations: &BTreeMap<String, String>) -> Result<Annotated, String> {
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
                    let text =
                        annotations.get(&key).ok_or_else(|| format!("annotation {key} is missing, but check_names is set: add it"))?;
                    let instances = json(&key, text)?;
                    // For each name, either one instance or a list of instances.
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

/// Reads one instance of a check. `None`: the instance is about a host other than the pod.
fn instance(pod: &Pod, key: &str, container: &str, instance: &Value) -> Result<Option<Annotated>, String> {
    let of = |name: &str| instance.get(name).and_then(text).filter(|text| !text.is_empty());
    if of("host").is_some_and(|host| !host.starts_with("%%host")) {
        return Ok(None);
    }
    let port = match of("port") {
        None => None,
        // `%%port%%` is the last port of the container; `%%port_name%%` and `%%port_0%%` are one port of them.
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
            return Err(format!(
                "annotation {key} names a Secret of another namespace, which is not read: copy the Secret into the pod's namespace"
            ));
        }
        Some((_, secret, password_key)) => {
            let user = user.clone().map_or_else(|| User::Key("username".into()), User::Named);
            Some(Login { user, ..Login::new(secret, "", &password_key) })
        }
    };
    Ok(Some(Annotated {
        scrape: Some(true),
        container: Some(container.into()),
        port,
        database: of("dbname"),
        sslmode,
        user,
        login,
        ..Annotated::default()
    }))
}

/// Parses JSON. An error shows only line and column, because serde's own errors quote the text, which may be a password.
fn json(key: &str, text: &str) -> Result<Value, String> {
    if text.len() > JSON_CAP {
        return Err(format!("annotation {key} is larger than {JSON_CAP} bytes and is ignored: shorten it"));
    }
    serde_json::from_str(text)
        .map_err(|error| format!("annotation {key} is not valid JSON (line {}, column {}): correct it", error.line(), error.column()))
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}
