//! The outcome of an attempt to ship.

use std::time::Duration;

use reqwest::StatusCode;

/// The outcome of one attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    Committed,
    /// The backend will never accept the batch.
    Refused(String),
    /// Only a human can fix the cause: retry slowly.
    Remedy(String),
    /// Retry, after the time that the backend asks for, if any.
    Again(String, Option<Duration>),
}

/// Why a request failed.
#[derive(Debug)]
pub(crate) enum Failed {
    /// There was no answer.
    Unreached(String),
    /// The answer did not come from the backend.
    Strange(String),
    /// The answer is an error.
    Answered {
        status: StatusCode,
        /// The backend's error code. Empty if there is none.
        code: String,
        /// The backend's message with its remedy.
        reason: String,
        after: Option<Duration>,
    },
}

impl Failed {
    pub(crate) fn reason(&self) -> &str {
        match self {
            Self::Unreached(reason) | Self::Strange(reason) | Self::Answered { reason, .. } => reason,
        }
    }
}
