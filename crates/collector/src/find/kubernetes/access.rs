//! The Kubernetes API that the configuration names, and the collections that are watched in it.

use anyhow::Context as _;
use pganalytics_kubernetes::{Access, Client, Scope};

use crate::config::KubernetesOptions;

/// Makes the client of the API.
///
/// # Errors
/// If the process is in no pod and the configuration names no API, or if a file of the API's credentials cannot be read.
pub(crate) fn client(options: &KubernetesOptions) -> anyhow::Result<Client> {
    let access = match &options.access {
        Some(access) => access.clone(),
        None => Access::of_pod().context("[kubernetes]")?,
    };
    Client::new(access).context("[kubernetes]")
}

/// The collections to watch.
pub(crate) fn scopes(options: &KubernetesOptions) -> Vec<Scope> {
    let fields = options.watched.node.as_ref().map(|node| format!("spec.nodeName={node}"));
    match &options.watched.namespaces {
        None => vec![Scope { namespace: None, fields }],
        Some(names) => names.iter().map(|name| Scope { namespace: Some(name.clone()), fields: fields.clone() }).collect(),
    }
}

/// The name of a watched collection in logs and metrics.
pub(super) fn place(scope: &Scope) -> String {
    scope.namespace.clone().or_else(|| scope.fields.clone()).unwrap_or_else(|| "all".into())
}
