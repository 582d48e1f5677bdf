//! What a pod is: a server, something that is left out, or nothing of ours.

use pganalytics_kubernetes::api::Pod;

use super::candidate::{Candidate, DEFAULT_PORT, Operator};
use super::manifest::{declared_port, only_container};
use super::{annotations, operators};

/// What a pod is to us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Recognised {
    /// Nothing says that it is PostgreSQL.
    No,
    /// It is about PostgreSQL and is not read; why.
    LeftOut(&'static str),
    /// It is meant to be read, and what it says cannot be followed: what, and the remedy.
    Wrong(String),
    Server(Box<Candidate>),
}

/// What a pod is.
#[must_use]
pub(crate) fn recognise(pod: &Pod) -> Recognised {
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
