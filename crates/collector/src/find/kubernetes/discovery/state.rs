//! What became of a pod, and what it speaks.

/// What became of a pod, as /metrics counts it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum State {
    /// It is a target.
    Watched,
    /// It has no address yet, or its first attempt is under way, or the API did not answer.
    Waiting,
    NoCredentials,
    NoRight,
    NotPostgresql,
    /// Its annotations cannot be followed.
    Wrong,
    /// A pooler, or one that asked for it.
    LeftOut,
    /// Another pod, or a target of the configuration, has its name.
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

/// What a pod has said when it was asked whether it is PostgreSQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Speaks {
    /// Nobody has answered yet.
    Nothing,
    Postgresql,
    Other,
}
