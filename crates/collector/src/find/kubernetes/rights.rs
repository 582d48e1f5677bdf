//! The rights that discovery needs, as the Helm values that grant them.

/// The values that grant reading pods.
pub(crate) const READ_PODS: &str =
    "grant the right to read pods: collector.discovery.mode (node, or namespaces with collector.discovery.namespaces) in the Helm values";
/// The values that grant reading Secrets.
pub(crate) const READ_SECRETS: &str = "grant the right to read this Secret: add it to collector.discovery.secrets in the Helm values, or \
     set one login for all servers in collector.credentials";
/// The values that grant reading logs.
pub(crate) const READ_LOGS: &str = "grant the right to read logs: set collector.discovery.logs in the Helm values, which grants get on \
     pods/log (or set logs = false in [kubernetes])";
