//! Settings with a fixed set of values: how a server is trusted, and which of several servers is accepted.

use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use super::error::ConninfoError;

/// libpq's `sslmode`, from the weakest to the strictest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SslMode {
    Disable,
    Allow,
    Prefer,
    Require,
    VerifyCa,
    VerifyFull,
}

/// The authorities that are trusted to sign the server's certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RootCert {
    /// The authorities that the operating system trusts (`sslrootcert=system`).
    System,
    File(PathBuf),
    /// PEM certificates that are not in a file, for example from a Kubernetes Secret.
    Pem(Arc<str>),
}

/// Which of several servers is accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionAttrs {
    Any,
    ReadWrite,
    ReadOnly,
    Primary,
    Standby,
    PreferStandby,
}

impl FromStr for SslMode {
    type Err = ConninfoError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "disable" => Ok(Self::Disable),
            "allow" => Ok(Self::Allow),
            "prefer" => Ok(Self::Prefer),
            "require" => Ok(Self::Require),
            "verify-ca" => Ok(Self::VerifyCa),
            "verify-full" => Ok(Self::VerifyFull),
            _ => Err(ConninfoError::new(
                "sslmode has an unknown value",
                "use one of: disable, allow, prefer, require, verify-ca, verify-full",
            )),
        }
    }
}

impl FromStr for SessionAttrs {
    type Err = ConninfoError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "any" => Ok(Self::Any),
            "read-write" => Ok(Self::ReadWrite),
            "read-only" => Ok(Self::ReadOnly),
            "primary" => Ok(Self::Primary),
            "standby" => Ok(Self::Standby),
            "prefer-standby" => Ok(Self::PreferStandby),
            _ => Err(ConninfoError::new(
                "target_session_attrs has an unknown value",
                "use one of: any, read-write, read-only, primary, standby, prefer-standby",
            )),
        }
    }
}
