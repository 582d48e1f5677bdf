//! Checks everything, in the order in which a person fixes it.

use pganalytics_tls::Tls;
use pganalytics_views::clock::is_marked;
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
        Ok(accepted) => {
            report.fine("backend", format!("{} answers and accepts {accepted}", config.backend.url));
            return clock(shipper.skew_us().await, report);
        }
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

/// Compares the clocks.
fn clock(skew_us: Option<i64>, report: &mut Report) {
    let Some(skew_us) = skew_us else { return };
    if !is_marked(skew_us) {
        return report.fine("clock", "this machine and the backend have the same time");
    }
    let (seconds, side) = (skew_us.unsigned_abs() / 1_000_000, if skew_us > 0 { "ahead of" } else { "behind" });
    let what = format!("this machine's clock is {seconds} s {side} the backend's, which moves the times of all rows by as much");
    report.add(Level::Missing, "clock", what, Some("set the wrong clock of the two (NTP)".into()));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_differs_is_reported_with_its_remedy() {
        let told = |skew_us| {
            let mut report = Report::default();
            clock(skew_us, &mut report);
            report.to_string()
        };
        assert!(told(Some(86_400_000_000)).contains("86400 s ahead of the backend's") && told(Some(86_400_000_000)).contains("NTP"));
        assert!(told(Some(-60_000_000)).contains("60 s behind the backend's"));
        assert!(told(Some(5_000_000)).contains("same time"));
        assert!(!told(None).contains("clock"));
    }
}
