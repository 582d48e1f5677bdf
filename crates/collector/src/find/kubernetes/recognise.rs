//! Whether a pod is a PostgreSQL server, and how it is reached: pure functions of the pod as the API tells it.
//!
//! # How
//! The six operators mark their pods with labels ([`operators`](super::operators)), everybody else writes annotations
//! ([`annotations`](super::annotations)). An operator's pod may carry annotations too, ours without a word that it is a server; what they say
//! stands above what the operator's labels mean, and the labels say the rest. Poolers are left out, and so is a pod that says `pganalytics.io/scrape: "false"`.
//!
//! What is found here is a hint. Whether something speaks PostgreSQL there, and whether it is a primary, only the server itself says.

use std::collections::BTreeMap;

use pganalytics_kubernetes::api::{Container, ContainerStatus, Pod};

use super::{annotations, operators};
use crate::connect::conninfo::SslMode;

/// PostgreSQL's own.
pub const DEFAULT_PORT: u16 = 5432;
/// Where roles and extensions are found by every operator's habit, and where every role may connect.
pub const DEFAULT_DATABASE: &str = "postgres";

/// What a pod is to us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recognised {
    /// Nothing says that it is PostgreSQL.
    No,
    /// It is about PostgreSQL and is not read; why.
    LeftOut(&'static str),
    /// It is meant to be read, and what it says cannot be followed: what, and the remedy.
    Wrong(String),
    Server(Box<Candidate>),
}

/// Who runs the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operator {
    CloudNativePg,
    Zalando,
    Crunchy,
    Percona,
    StackGres,
    Bitnami,
    /// Nobody we know: the pod's annotations say it.
    Annotated,
}

impl Operator {
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::CloudNativePg => "cloudnative-pg",
            Self::Zalando => "zalando",
            Self::Crunchy => "crunchy",
            Self::Percona => "percona",
            Self::StackGres => "stackgres",
            Self::Bitnami => "bitnami",
            Self::Annotated => "annotation",
        }
    }
}

/// What a label calls a server. Only `pg_is_in_recovery()` decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    Primary,
    Standby,
}

impl Role {
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Primary => "primary",
            Self::Standby => "standby",
        }
    }

    /// From any operator's word for it.
    #[must_use]
    pub(super) fn of(word: &str) -> Option<Self> {
        match word {
            "primary" | "master" => Some(Self::Primary),
            "replica" | "standby" | "read" => Some(Self::Standby),
            _ => None,
        }
    }
}

/// Who logs in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum User {
    Named(String),
    /// The value of this key of the Secret.
    Key(String),
}

/// A Secret that may hold a login. The names alone are known here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    pub secret: String,
    pub user: User,
    pub password_key: String,
}

impl Login {
    pub(super) fn new(secret: impl Into<String>, user_key: &str, password_key: &str) -> Self {
        Self { secret: secret.into(), user: User::Key(user_key.into()), password_key: password_key.into() }
    }
}

/// A Secret's key with the authority that signs for the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authority {
    pub secret: String,
    pub key: String,
}

/// A pod that is a server, as far as its labels and annotations tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    pub operator: Operator,
    pub cluster: Option<String>,
    pub container: Option<String>,
    pub port: u16,
    pub database: Option<String>,
    pub role: Option<Role>,
    /// As asked for; what the operator's servers want where it is not.
    pub sslmode: Option<SslMode>,
    /// What is used where nobody asked.
    pub usual_sslmode: SslMode,
    /// Where logins are looked for, in this order.
    pub logins: Vec<Login>,
    /// Whether an annotation named the login: then nothing else will do.
    pub login_is_asked_for: bool,
    /// Who logs in where the password comes from elsewhere.
    pub user: Option<String>,
    pub authority: Option<Authority>,
}

impl Candidate {
    pub(super) fn new(operator: Operator) -> Self {
        Self {
            operator,
            cluster: None,
            container: None,
            port: DEFAULT_PORT,
            database: None,
            role: None,
            sslmode: None,
            usual_sslmode: SslMode::Prefer,
            logins: Vec::new(),
            login_is_asked_for: false,
            user: None,
            authority: None,
        }
    }
}

/// What a pod is.
#[must_use]
pub fn recognise(pod: &Pod) -> Recognised {
    let labelled = operators::recognise(pod);
    let annotated = match annotations::read(pod, matches!(labelled, operators::Pod::Server(_))) {
        Ok(annotated) => annotated,
        Err(problem) => return Recognised::Wrong(problem),
    };
    if annotated.scrape == Some(false) {
        return Recognised::LeftOut("its annotation pganalytics.io/scrape says false");
    }
    let mut candidate = match labelled {
        operators::Pod::Pooler => return Recognised::LeftOut("it is a connection pooler"),
        operators::Pod::Server(candidate) => *candidate,
        operators::Pod::Unknown if annotated.scrape == Some(true) => {
            let mut candidate = Candidate::new(Operator::Annotated);
            candidate.container = annotated.container.clone().or_else(|| only_container(pod));
            candidate.port = declared_port(pod, candidate.container.as_deref(), &[]).unwrap_or(DEFAULT_PORT);
            candidate
        }
        operators::Pod::Unknown => return Recognised::No,
    };
    annotated.lay_over(&mut candidate);
    Recognised::Server(Box::new(candidate))
}

/// What a pod's server is called in every table, over restarts, moves and new addresses.
///
/// A StatefulSet's pod and an operator's instance keep their names; a Deployment's pod gets a new one each time, so the Deployment's own
/// stands for it.
#[must_use]
pub fn server_name(pod: &Pod) -> String {
    let namespace = pod.metadata.namespace.as_deref().unwrap_or("default");
    let name = match workload(pod) {
        (Some("Deployment"), Some(name)) => name,
        _ => pod.metadata.name.clone().unwrap_or_default(),
    };
    format!("{namespace}/{name}")
}

/// The kind and name of what made the pod.
#[must_use]
pub fn workload(pod: &Pod) -> (Option<&str>, Option<String>) {
    let owners = pod.metadata.owner_references.as_deref().unwrap_or_default();
    let Some(owner) = owners.iter().find(|owner| owner.controller == Some(true)).or_else(|| owners.first()) else { return (None, None) };
    if owner.kind == "ReplicaSet"
        && let Some(hash) = label(pod, "pod-template-hash")
        && let Some(name) = owner.name.strip_suffix(hash).and_then(|name| name.strip_suffix('-'))
    {
        return (Some("Deployment"), Some(name.into()));
    }
    (Some(&owner.kind), Some(owner.name.clone()))
}

pub(super) fn label<'a>(pod: &'a Pod, key: &str) -> Option<&'a str> {
    get(pod.metadata.labels.as_ref(), key)
}

pub(super) fn get<'a>(map: Option<&'a BTreeMap<String, String>>, key: &str) -> Option<&'a str> {
    map?.get(key).map(String::as_str).filter(|value| !value.is_empty())
}

pub(super) fn containers(pod: &Pod) -> &[Container] {
    pod.spec.as_ref().map_or(&[], |spec| spec.containers.as_slice())
}

/// The status of a container, if the kubelet has told it.
#[must_use]
pub(super) fn status_of<'a>(pod: &'a Pod, container: Option<&str>) -> Option<&'a ContainerStatus> {
    let statuses = pod.status.as_ref()?.container_statuses.as_deref()?;
    match container {
        Some(name) => statuses.iter().find(|status| status.name == name),
        None => statuses.first(),
    }
}

fn only_container(pod: &Pod) -> Option<String> {
    containers(pod).first().map(|container| container.name.clone())
}

/// The port a container declares: by one of these names in any container, or else the first of the named container.
pub(super) fn declared_port(pod: &Pod, container: Option<&str>, names: &[&str]) -> Option<u16> {
    let all = || containers(pod).iter().flat_map(|container| container.ports.as_deref().unwrap_or_default());
    let named = names.iter().find_map(|name| all().find(|port| port.name.as_deref() == Some(name)));
    let own = || containers(pod).iter().find(|is| Some(is.name.as_str()) == container)?.ports.as_deref()?.first();
    u16::try_from(named.or_else(own)?.container_port).ok().filter(|port| *port > 0)
}
