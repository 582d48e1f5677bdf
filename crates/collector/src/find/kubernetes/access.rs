//! The Kubernetes API as the configuration names it, and the collections that are watched there.

use anyhow::Context as _;
use pganalytics_kubernetes::{Access, Client, Scope};

use crate::config::KubernetesOptions;

/// The API's client.
///
/// # Errors
/// Where this is no pod and nothing else names the API, or its files cannot be read.
pub(crate) fn client(options: &KubernetesOptions) -> anyhow::Result<Client> {
    let access = match &options.access {
        Some(access) => access.clone(),
        None => Access::of_pod().context("[kubernetes]")?,
    };
    Client::new(access).context("[kubernetes]")
}

/// The collections that are watched.
pub(crate) fn scopes(options: &KubernetesOptions) -> Vec<Scope> {
    let fields = options.watched.node.as_ref().map(|node| format!("spec.nodeName={node}"));
    match &options.watched.namespaces {
        None => vec![Scope { namespace: None, fields }],
        Some(names) => names.iter().map(|name| Scope { namespace: Some(name.clone()), fields: fields.clone() }).collect(),
    }
}

/// What a watched collection is called in logs and metrics.
pub(super) fn place(scope: &Scope) -> String {
    scope.namespace.clone().or_else(|| scope.fields.clone()).unwrap_or_else(|| "all".into())
}
