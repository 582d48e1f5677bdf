//! HAProxy with `deploy/haproxy.cfg` as it is; its parameters are environment variables. Only the line for TLS to the backends, which is a
//! comment in it, is taken into a copy.

use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::machine::process::{Signal, Spec};
use crate::servers::balancer::{Inner, Parameters, adapt, deployed, program};
use crate::servers::postgres::installation::give_away;

/// What the comment with that line begins with.
const ENCRYPTED: &str = "# default-server ssl verify required";

pub(crate) fn spec(parameters: &Parameters<'_>) -> Result<Spec> {
    let config = match &parameters.inner {
        Some(inner) => encrypted(parameters, inner)?,
        None => deployed("haproxy.cfg")?,
    };
    let mut spec = Spec::new(&program("haproxy")?, &parameters.folder.join("haproxy.log"))
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
    let from = deployed("haproxy.cfg")?;
    let mut text = std::fs::read_to_string(&from).with_context(|| format!("read {}", from.display()))?;
    for (line, adapted) in [
        (ENCRYPTED, ENCRYPTED.trim_start_matches("# ").to_owned()),
        ("ca-file /etc/haproxy/pganalytics-ca.pem", format!("ca-file {}", authority.display())),
        ("verifyhost pganalytics.internal sni str(pganalytics.internal)", format!("verifyhost {name} sni str({name})")),
    ] {
        text = adapt(&text, line, &adapted)?;
    }
    let path = parameters.folder.join("haproxy.cfg");
    std::fs::write(&path, text).with_context(|| format!("write {}", path.display()))?;
    give_away(&path)?;
    Ok(path)
}
