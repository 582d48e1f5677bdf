//! One attempt to reach a pod's server: does the server speak PostgreSQL, and is there a login?

use std::net::{IpAddr, SocketAddr};

use pganalytics_kubernetes::Client;

use super::found::Intended;
use super::state::Speaks;
use crate::config::KubernetesOptions;
use crate::find::kubernetes::credentials::{self, Missing, Resolved};
use crate::find::kubernetes::handshake::{self, Answer};

/// The result of an attempt.
#[derive(Debug)]
pub(super) enum Outcome {
    Login(Box<Resolved>),
    Missing(Missing),
    NotPostgresql(Answer),
    /// Nothing answers at the address. The login need not be read again until something does.
    Nobody,
}

/// A finished attempt.
pub(super) struct Attempt {
    pub(super) key: String,
    pub(super) uid: String,
    pub(super) intended: Intended,
    pub(super) speaks: Speaks,
    pub(super) outcome: Outcome,
}

/// Asks what the pod speaks, unless that is known, and finds the login. Returns both.
///
/// If nothing answers, the server may be starting. The first time, the pod becomes a target all the same, so that the server is shown as
/// down. A pod that answered with another protocol becomes a target only after it answers as PostgreSQL: a web server that restarts is
/// still a web server.
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
