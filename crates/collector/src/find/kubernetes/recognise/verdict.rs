//! Decides what a pod is: a server, a pod that is left out, or a pod without PostgreSQL.

use pganalytics_kubernetes::api::Pod;

use super::candidate::{Candidate, DEFAULT_PORT, Operator};
use super::manifest::{declared_port, only_container};
use super::{annotations, operators};

/// The kind of a pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Recognised {
    /// Nothing shows that the pod runs PostgreSQL.
    No,
    /// The pod has to do with PostgreSQL, but is not read. Holds the reason.
    LeftOut(&'static str),
    /// The pod should be read, but its annotations are invalid. Holds the problem and the remedy.
    Wrong(String),
    Server(Box<Candidate>),
}

/// Decides what a pod is.
#[must_use]
pub(crate) fn recognise(pod: &Pod) -> Recognised {
    let labelled = operators::recognise(pod);
    let annotated = match annotations::read(pod, matches!(labelled, operators::Pod::Server(_))) {
        Ok(annotated) => annotated,
        Err(problem) => return Recognised::Wrong(problem),
    };
    if annotated.scrape == Some(false) {
        return Recognised::LeftOut("the annotation pganalytics.io/scrape is false");
    }
    let mut candidate = match labelled {
        operators::Pod::Pooler => return Recognised::LeftOut("the pod is a connection pooler"),
        operators::Pod::Server(candidate) => *candidate,
        operators::Pod::Unknown if annotated.scrape == Some(true) => {
            let mut candidate = Candidate::new(Operator::Annotated);
            candidate.container = annotated.container.clone().or_else(|| only_container(pod));
            candidate.port = declared_port(pod, candidate.container.as_deref(), &[]).unwrap_or(DEFAULT_PORT);
            candidate
        }
        operators::Pod::Unknown => return Recognised::No,
    };
    annotated.apply_to(&mut candidate);
    Recognised::Server(Box::new(candidate))
}
