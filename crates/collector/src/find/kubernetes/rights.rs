//! The rights that discovery needs, as the Helm values that grant them.

/// The values that grant reading pods.
pub(crate) const READ_PODS: &str =
    "let the collector read pods: collector.discovery.mode (node, or namespaces with collector.discovery.namespaces) in the Helm values";
/// The values that grant reading Secrets.
pub(crate) const READ_SECRETS: &str = "let the collector read it by name: add it to collector.discovery.secrets in the Helm values, or give one login for all in collector.credentials";
/// The values that grant reading logs.
pub(crate) const READ_LOGS: &str = "let the collector read logs: collector.discovery.logs in the Helm values, which gives it get on pods/log (or logs = false in [kubernetes])";
