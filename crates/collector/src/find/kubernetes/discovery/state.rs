//! The state of a pod, and what the pod speaks.

/// The state of a pod, as /metrics counts it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum State {
    /// The pod has a target.
    Watched,
    /// The pod has no address yet, or its first attempt is under way, or the API did not answer.
    Waiting,
    NoCredentials,
    NoRight,
    NotPostgresql,
    /// The pod's annotations are invalid.
    Wrong,
    /// The pod is a pooler, or its annotation excludes it.
    LeftOut,
    /// Another pod, or a target in the configuration, has the same server name.
    Duplicate,
    TooMany,
}

impl State {
    pub(super) const ALL: [Self; 9] = [
        Self::Watched,
        Self::Waiting,
        Self::NoCredentials,
        Self::NoRight,
        Self::NotPostgresql,
        Self::Wrong,
        Self::LeftOut,
        Self::Duplicate,
        Self::TooMany,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Watched => "watched",
            Self::Waiting => "waiting",
            Self::NoCredentials => "no_credentials",
            Self::NoRight => "no_right",
            Self::NotPostgresql => "not_postgresql",
            Self::Wrong => "wrong_annotation",
            Self::LeftOut => "left_out",
            Self::Duplicate => "duplicate",
            Self::TooMany => "too_many",
        }
    }
}

/// The pod's answer to the question whether it speaks PostgreSQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Speaks {
    /// Nothing has answered yet.
    Nothing,
    Postgresql,
    Other,
}
