//! What a try came to.

use std::time::Duration;

use reqwest::StatusCode;

/// What one try came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    Committed,
    /// Never to be taken.
    Refused(String),
    /// Only a human changes the answer: try slowly.
    Remedy(String),
    /// Try again; when, if the backend says.
    Again(String, Option<Duration>),
}

/// Why a request did not do.
#[derive(Debug)]
pub(crate) enum Failed {
    /// There was no answer.
    Unreached(String),
    /// Something that is not the backend answered.
    Strange(String),
    /// The answer was no.
    Answered {
        status: StatusCode,
        /// For programs, where the backend gave one.
        code: String,
        /// What the backend said, with its remedy.
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
