//! A pod that is a server, as far as its labels and annotations tell: the nouns that everything here speaks in.

use crate::connect::conninfo::SslMode;

/// PostgreSQL's own.
pub(super) const DEFAULT_PORT: u16 = 5432;

/// Who runs the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Operator {
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
    pub(crate) fn name(self) -> &'static str {
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
pub(crate) enum Role {
    Primary,
    Standby,
}

impl Role {
    #[must_use]
    pub(crate) fn name(self) -> &'static str {
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
pub(crate) enum User {
    Named(String),
    /// The value of this key of the Secret.
    Key(String),
}

/// A Secret that may hold a login. The names alone are known here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Login {
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
pub(crate) struct Authority {
    pub secret: String,
    pub key: String,
}

/// A pod that is a server, as far as its labels and annotations tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Candidate {
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
