//! HAProxy with `deploy/haproxy.cfg` as it is; its parameters are environment variables.

use anyhow::Result;

use crate::balancer::{Parameters, deployed, program};
use crate::process::{Signal, Spec};

pub(crate) fn spec(parameters: &Parameters<'_>) -> Result<Spec> {
    let mut spec = Spec::new(&program("haproxy")?, &parameters.folder.join("haproxy.log"))
        .arguments(["-db".into(), "-f".into(), deployed("haproxy.cfg")?.into_os_string()])
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
