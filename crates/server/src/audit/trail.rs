//! What the handler of a request knows about a refusal, for the audit log.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

/// Facts about one request. Later ones replace earlier ones.
#[derive(Debug, Clone, Default)]
pub(crate) struct Noted {
    /// The line's message, if it is more specific than "request refused". A request with a message is logged whatever its status.
    pub(crate) message: Option<&'static str>,
    /// The name of the user, token or collector.
    pub(crate) by: Option<String>,
    /// The id of the collector that asks for a credential.
    pub(crate) collector: Option<String>,
    /// Why the request was refused, if that is more specific than the response.
    pub(crate) cause: Option<String>,
}

/// The facts about one request, which its extractors and its handler note. It is an extension of the request.
#[derive(Debug, Clone, Default)]
pub(crate) struct Trail(Arc<Mutex<Noted>>);

impl Trail {
    pub(crate) fn by(&self, name: &str) {
        self.note(|noted| noted.by = Some(name.to_owned()));
    }

    pub(crate) fn cause(&self, cause: impl Into<String>) {
        self.note(|noted| noted.cause = Some(cause.into()));
    }

    pub(crate) fn collector(&self, id: impl ToString) {
        self.note(|noted| noted.collector = Some(id.to_string()));
    }

    /// Notes that a login or an enrolment was refused.
    pub(crate) fn refused(&self, message: &'static str) {
        self.note(|noted| noted.message = Some(message));
    }

    pub(crate) fn noted(&self) -> Noted {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The trail of a request, or an empty one if the request does not come over a connection.
    pub(crate) fn of(parts: &Parts) -> Self {
        parts.extensions.get::<Self>().cloned().unwrap_or_default()
    }

    fn note(&self, change: impl FnOnce(&mut Noted)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Trail {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::of(parts))
    }
}
