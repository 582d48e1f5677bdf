//! Checks everything, in the order in which a person fixes it.

use pganalytics_tls::Tls;
use uuid::Uuid;

use super::report::{Level, Report};
use super::server::examine;
use crate::config::{Config, KubernetesOptions, TargetOptions};
use crate::find::kubernetes;
use crate::ship::spool::Spool;
use crate::ship::{Client, Outcome, Shipper};

/// Runs all checks.
pub async fn doctor(config: &Config) -> Report {
    let mut report = Report::default();
    backend(config, &mut report).await;
    spool(config, &mut report).await;
    listener(config, &mut report);
    for target in &config.targets {
        examine(config, target, &mut report).await;
    }
    if let Some(options) = &config.kubernetes {
        for target in discovered(options, &mut report).await {
            examine(config, &target, &mut report).await;
        }
    }
    report
}

async fn backend(config: &Config, report: &mut Report) {
    // A spool that was never opened has no identity yet. Any identity serves for this request.
    let collector = Spool::identity_of(&config.spool.folder).unwrap_or_else(Uuid::new_v4);
    let shipper = match Client::new(&config.backend).and_then(|client| Shipper::new(config, client, collector)) {
        Ok(shipper) => shipper,
        Err(error) => return report.add(Level::Broken, "backend", format!("{error:#}"), None),
    };
    let outcome = match shipper.ask().await {
        Ok(accepted) => return report.fine("backend", format!("{} answers and accepts {accepted}", config.backend.url)),
        Err(outcome) => outcome,
    };
    match outcome {
        Outcome::Committed | Outcome::Refused(_) => {}
        Outcome::Remedy(reason) => match reason.split_once("; ") {
            Some((reason, remedy)) => report.add(Level::Broken, "backend", reason, Some(remedy.into())),
            None => report.add(Level::Broken, "backend", reason, None),
        },
        Outcome::Again(reason, _) => {
            let remedy = "check [backend] url, the network, and that the backend runs; until then, batches wait in the spool";
            report.add(Level::Broken, "backend", reason, Some(remedy.into()));
        }
    }
}

/// Checks the rights in Kubernetes and the servers discovered there.
async fn discovered(options: &KubernetesOptions, report: &mut Report) -> Vec<TargetOptions> {
    let client = match kubernetes::client(options) {
        Ok(client) => client,
        Err(error) => {
            report.add(Level::Broken, "kubernetes", format!("{error:#}"), None);
            return Vec::new();
        }
    };
    let findings = kubernetes::examine(options, &client).await;
    for (what, remedy) in findings.results {
        let level = if remedy.is_some() { Level::Missing } else { Level::Fine };
        report.add(level, "kubernetes", what, remedy.filter(|remedy| !remedy.is_empty()));
    }
    if let Some((what, remedy)) = findings.broken {
        report.add(Level::Broken, "kubernetes", what, remedy);
    }
    findings.targets
}

/// Checks the certificate of /metrics.
fn listener(config: &Config, report: &mut Report) {
    let Some(files) = config.tls.clone() else { return };
    match Tls::load(files) {
        Ok(_) => report.fine("listen", "the certificate is valid"),
        Err(error) => {
            report.add(Level::Broken, "listen", format!("[collector] tls_cert, tls_key, tls_client_ca, tls_client_crl: {error:#}"), None)
        }
    }
}

async fn spool(config: &Config, report: &mut Report) {
    let folder = config.spool.folder.clone();
    match tokio::task::spawn_blocking(move || Spool::look(&folder)).await {
        Ok(Ok(None)) => {
            report.fine(
                "spool",
                format!("{} does not exist yet and can be created; the collector creates it at its start", config.spool.folder.display()),
            );
        }
        Ok(Ok(Some((batches, bytes)))) => report
            .fine("spool", format!("{} is writable; {batches} batches ({} kB) wait in it", config.spool.folder.display(), bytes / 1_000)),
        Ok(Err(error)) => {
            let remedy = format!("make {} a folder in which this user may write", config.spool.folder.display());
            report.add(Level::Broken, "spool", format!("{error:#}"), Some(remedy));
        }
        Err(error) => report.add(Level::Broken, "spool", error.to_string(), None),
    }
}
