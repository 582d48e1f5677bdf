//! A pod that is a server according to its labels and annotations, and the types that describe it.

use crate::connect::conninfo::{RequireAuth, SslMode};

/// PostgreSQL's default port.
pub(super) const DEFAULT_PORT: u16 = 5432;

/// The operator that runs the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Operator {
    CloudNativePg,
    Zalando,
    Crunchy,
    Percona,
    StackGres,
    Bitnami,
    /// No known operator: the pod's annotations mark it as a server.
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

/// The role in a server's label. The actual role is the result of `pg_is_in_recovery()`.
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

    /// Parses any operator's word for a role.
    #[must_use]
    pub(super) fn of(word: &str) -> Option<Self> {
        match word {
            "primary" | "master" => Some(Self::Primary),
            "replica" | "standby" | "read" => Some(Self::Standby),
            _ => None,
        }
    }
}

/// The user of a login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum User {
    Named(String),
    /// The value of this key of the Secret.
    Key(String),
}

/// A Secret that may hold a login. Only the names are known here, not the values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Login {
    pub secret: String,
    pub user: User,
    pub password_key: String,
    /// Whether the login is the operator's superuser. It is read only if the configuration asks for it.
    pub is_superuser: bool,
}

impl Login {
    pub(crate) fn new(secret: impl Into<String>, user_key: &str, password_key: &str) -> Self {
        Self { secret: secret.into(), user: User::Key(user_key.into()), password_key: password_key.into(), is_superuser: false }
    }

    /// The login of the operator's superuser.
    pub(crate) fn superuser(self) -> Self {
        Self { is_superuser: true, ..self }
    }
}

/// The Secret and the key of the authority that signs the server's certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Authority {
    pub secret: String,
    pub key: String,
}

/// A pod that is a server according to its labels and annotations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Candidate {
    pub operator: Operator,
    pub cluster: Option<String>,
    pub container: Option<String>,
    pub port: u16,
    pub database: Option<String>,
    pub role: Option<Role>,
    /// The mode that an annotation asks for, if any.
    pub sslmode: Option<SslMode>,
    /// The methods of authentication that an annotation allows, if any.
    pub require_auth: Option<RequireAuth>,
    /// The default mode of the operator's servers.
    pub usual_sslmode: SslMode,
    /// The Secrets with logins, in the order in which they are tried.
    pub logins: Vec<Login>,
    /// Whether an annotation names the login. Then no login of another Secret is used.
    pub login_is_asked_for: bool,
    /// The user, if the password does not come from a Secret.
    pub user: Option<String>,
    pub authority: Option<Authority>,
}

impl Candidate {
    pub(crate) fn new(operator: Operator) -> Self {
        Self {
            operator,
            cluster: None,
            container: None,
            port: DEFAULT_PORT,
            database: None,
            role: None,
            sslmode: None,
            require_auth: None,
            usual_sslmode: SslMode::Prefer,
            logins: Vec::new(),
            login_is_asked_for: false,
            user: None,
            authority: None,
        }
    }
}
