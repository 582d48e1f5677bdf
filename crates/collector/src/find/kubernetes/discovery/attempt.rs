//! One try to reach a pod's server: is it PostgreSQL, and is there a way in?

use std::net::{IpAddr, SocketAddr};

use pganalytics_kubernetes::Client;

use super::found::Intended;
use super::state::Speaks;
use crate::config::KubernetesOptions;
use crate::find::kubernetes::credentials::{self, Missing, Resolved};
use crate::find::kubernetes::handshake::{self, Answer};

/// What an attempt came to.
#[derive(Debug)]
pub(super) enum Outcome {
    Login(Box<Resolved>),
    Missing(Missing),
    NotPostgresql(Answer),
    /// Nobody answers, and another look at the login is of no use until somebody does.
    Nobody,
}

/// A try that came back.
pub(super) struct Attempt {
    pub(super) key: String,
    pub(super) uid: String,
    pub(super) intended: Intended,
    pub(super) speaks: Speaks,
    pub(super) outcome: Outcome,
}

/// Asks what the pod speaks where that is not known, and finds the way in; yields what is known of both.
///
/// Where nobody answers, a server may be starting: the first time it is worth a target, in which it is seen as down. What has said something
/// else is worth none until it says that it is PostgreSQL: a web server that is restarted is still a web server.
pub(super) async fn attempt(
    client: &Client,
    options: &KubernetesOptions,
    intended: &Intended,
    address: IpAddr,
    speaks: Speaks,
    is_target: bool,
) -> (Speaks, Outcome) {
    let speaks = match speaks {
        Speaks::Postgresql => speaks,
        Speaks::Nothing | Speaks::Other => match handshake::ask(SocketAddr::new(address, intended.candidate.port)).await {
            Answer::PostgreSql => Speaks::Postgresql,
            Answer::Nobody if speaks == Speaks::Nothing && !is_target => speaks,
            Answer::Nobody => return (speaks, Outcome::Nobody),
            answer => return (Speaks::Other, Outcome::NotPostgresql(answer)),
        },
    };
    match credentials::resolve(client, options, &intended.facts.namespace, address, &intended.candidate).await {
        Ok(resolved) => (speaks, Outcome::Login(Box::new(resolved))),
        Err(missing) => (speaks, Outcome::Missing(missing)),
    }
}
