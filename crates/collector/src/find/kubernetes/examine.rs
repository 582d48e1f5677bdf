//! For `doctor`: reports which rights this process has in Kubernetes, and the Helm values that would change them.

//!
//! The API itself is asked (`SelfSubjectAccessReview`, which everybody may create). Nothing is guessed from Roles, and the check needs no
//! further right.

use std::collections::BTreeSet;

use pganalytics_kubernetes::api::Pod;
use pganalytics_kubernetes::{Client, Right};

use super::access::scopes;
use super::credentials::{self, Missing};
use super::recognise::{Candidate, Recognised, address, recognise, server_name};
use super::rights::{READ_LOGS, READ_PODS, READ_SECRETS};
use crate::config::{KubernetesOptions, TargetOptions};

/// The most names of each kind in one report, which a person reads.
const NAMED: usize = 200;

/// The findings for `doctor`.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    /// Text and remedy of each finding. No remedy: nothing is wrong.
    pub results: Vec<(String, Option<String>)>,
    /// The problem because of which discovery cannot work at all.
    pub broken: Option<(String, Option<String>)>,
    /// Servers that can be examined like any other target.
    pub targets: Vec<TargetOptions>,
}

/// Checks everything that discovery would do.
pub(crate) async fn examine(options: &KubernetesOptions, client: &Client) -> Findings {
    let mut findings = Findings::default();
    let scopes = scopes(options);
    let mut needed = vec![("list", "pods", READ_PODS), ("watch", "pods", READ_PODS)];
    if options.logs {
        needed.push(("get", "pods/log", READ_LOGS));
    }
    for scope in &scopes {
        for (verb, resource, remedy) in &needed {
            let right = Right { verb, group: "", resource, namespace: scope.namespace.clone(), name: None };
            match client.may(&right).await {
                Ok(verdict) if verdict.allowed => findings.results.push((format!("may {right}"), None)),
                Ok(verdict) => {
                    let reason = verdict.reason.map_or_else(String::new, |reason| format!(" ({reason})"));
                    findings.results.push((format!("may not {right}{reason}"), Some((*remedy).into())));
                }
                Err(error) => {
                    let remedy = "check that the collector runs in a pod with a ServiceAccount token, and that the network allows \
                                  connections to the API";
                    findings.broken = Some((error.to_string(), Some(remedy.into())));
                    return findings;
                }
            }
        }
    }
    let mut servers = Vec::new();
    for scope in &scopes {
        match client.list::<Pod>(scope).await {
            Ok((pods, _)) => servers.extend(pods.into_iter().filter_map(|pod| sort(pod, &mut findings))),
            // The missing right is already reported above.
            Err(error) => findings.results.push((error.to_string(), Some(READ_PODS.into()))),
        }
    }
    let place = match (&options.watched.namespaces, &options.watched.node) {
        (None, None) => "in all namespaces".into(),
        (None, Some(node)) => format!("on node {node}"),
        (Some(names), None) => format!("in {}", names.join(", ")),
        (Some(names), Some(node)) => format!("in {} on node {node}", names.join(", ")),
    };
    findings.results.push((format!("{} pods {place} are PostgreSQL servers", servers.len()), None));
    if options.secrets {
        secrets(options, client, &servers, &mut findings).await;
    }
    for (pod, candidate) in servers.iter().take(NAMED) {
        let name = server_name(pod);
        match login_of(client, options, pod, candidate).await {
            Ok((target, from, caution)) => {
                findings.results.push((format!("{name}: {}, login from {from}", candidate.operator.name()), None));
                if let Some(caution) = caution {
                    findings.results.push((format!("{name}: {caution}"), Some(String::new())));
                }
                findings.targets.push(target);
            }
            Err(why) => {
                let (what, remedy) =
                    why.split_once(": ").map_or((why.clone(), String::new()), |(what, remedy)| (what.into(), remedy.into()));
                findings.results.push((format!("{name}: {what}"), Some(remedy)));
            }
        }
    }
    findings
}

/// Returns a pod that is a server. Reports a pod whose annotations are invalid.
fn sort(pod: Pod, findings: &mut Findings) -> Option<(Pod, Candidate)> {
    match recognise(&pod) {
        Recognised::Server(candidate) => Some((pod, *candidate)),
        Recognised::Wrong(why) => {
            findings.results.push((format!("{}: {why}", server_name(&pod)), Some(String::new())));
            None
        }
        Recognised::No | Recognised::LeftOut(_) => None,
    }
}

/// Finds the login to one pod's server, as discovery would.
///
/// # Errors
/// Why there is no login.
async fn login_of(
    client: &Client,
    options: &KubernetesOptions,
    pod: &Pod,
    candidate: &Candidate,
) -> Result<(TargetOptions, String, Option<String>), String> {
    let address = address(pod).ok_or("the pod has no address yet")?;
    let namespace = pod.metadata.namespace.as_deref().unwrap_or_default();
    match credentials::resolve(client, options, namespace, address, candidate).await {
        Ok(resolved) => Ok((options.target(server_name(pod), resolved.conninfo), resolved.from, resolved.caution)),
        Err(Missing::Credentials(why) | Missing::Right(why) | Missing::Answer(why)) => Err(why),
    }
}

/// Reports whether each Secret that may hold a server's login can be read.
async fn secrets(options: &KubernetesOptions, client: &Client, servers: &[(Pod, Candidate)], findings: &mut Findings) {
    let of = |(pod, candidate): &(Pod, Candidate)| {
        let namespace = pod.metadata.namespace.clone().unwrap_or_default();
        let names = credentials::wanted(options, candidate).map(|login| login.secret.clone());
        let names = names.chain(candidate.authority.as_ref().map(|authority| authority.secret.clone()));
        names.map(move |name| (namespace.clone(), name)).collect::<Vec<_>>()
    };
    let names: BTreeSet<(String, String)> = servers.iter().flat_map(of).collect();
    for (namespace, name) in names.into_iter().take(NAMED) {
        let right = Right { verb: "get", group: "", resource: "secrets", namespace: Some(namespace), name: Some(name) };
        match client.may(&right).await {
            Ok(verdict) if verdict.allowed => findings.results.push((format!("may {right}"), None)),
            Ok(_) => findings.results.push((format!("may not {right}"), Some(READ_SECRETS.into()))),
            Err(error) => return findings.results.push((error.to_string(), Some("try again".into()))),
        }
    }
    // A right that is not needed is reported too.
    let all = Right { verb: "list", group: "", resource: "secrets", namespace: None, name: None };
    if client.may(&all).await.is_ok_and(|verdict| verdict.allowed) {
        let remedy = "revoke this right: the collector reads Secrets by name and never lists them";
        findings.results.push((format!("may {all}, which is more than the collector needs"), Some(remedy.into())));
    }
}
