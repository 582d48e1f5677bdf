//! HAProxy with the unchanged `deploy/haproxy.cfg`: its parameters are environment variables. With TLS to the backends, HAProxy gets a copy in
//! which the line for TLS is no comment.

use std::path::PathBuf;

use anyhow::{Context, Result};

use super::parameters::{Inner, Parameters, adapt, deployed};
use crate::machine::files::write_for_server;
use crate::machine::process::{Signal, Spec};
use crate::machine::programs::installed;

/// The beginning of the comment that holds the line for TLS.
const ENCRYPTED: &str = "# default-server ssl verify required";

pub(super) fn spec(parameters: &Parameters<'_>) -> Result<Spec> {
    let config = match &parameters.inner {
        Some(inner) => encrypted(parameters, inner)?,
        None => deployed("haproxy.cfg"),
    };
    let mut spec = Spec::new(&installed("haproxy")?, &parameters.folder.join("haproxy.log"))
        .arguments(["-db".into(), "-f".into(), config.into_os_string()])
        .environment("PGANALYTICS_NAME", &format!("127.0.0.1:{}", parameters.https))
        .environment("PGANALYTICS_CERTIFICATE", &parameters.certificate.both.to_string_lossy())
        .environment("PGANALYTICS_HTTP", &format!("127.0.0.1:{}", parameters.http))
        .environment("PGANALYTICS_HTTPS", &format!("127.0.0.1:{}", parameters.https));
    for (at, backend) in parameters.backends.iter().enumerate() {
        spec = spec.environment(&format!("PGANALYTICS_BACKEND_{}", at + 1), &backend.to_string());
    }
    spec.farewell = Signal::TERM;
    Ok(spec)
}

fn encrypted(parameters: &Parameters<'_>, Inner { authority, name }: &Inner<'_>) -> Result<PathBuf> {
    let from = deployed("haproxy.cfg");
    let mut text = std::fs::read_to_string(&from).with_context(|| format!("read {}", from.display()))?;
    for (line, adapted) in [
        (ENCRYPTED, ENCRYPTED.trim_start_matches("# ").to_owned()),
        ("ca-file /etc/haproxy/pganalytics-ca.pem", format!("ca-file {}", authority.display())),
        ("verifyhost pganalytics.internal sni str(pganalytics.internal)", format!("verifyhost {name} sni str({name})")),
    ] {
        text = adapt(&text, line, &adapted)?;
    }
    let path = parameters.folder.join("haproxy.cfg");
    write_for_server(&path, &text)?;
    Ok(path)
}
