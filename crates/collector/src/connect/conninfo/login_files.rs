//! A login in files of its own, as a Kubernetes Secret is mounted. They are read at each connection, so that a rotation needs no restart.

use std::path::PathBuf;

use crate::connect::secret::Secret;

/// Where the login is; what they hold stands above `PGUSER`, `PGPASSWORD` and the password file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoginFiles {
    /// The user's name, where it is not in the connection string.
    pub user: Option<PathBuf>,
    pub password: PathBuf,
}

impl LoginFiles {
    /// Whether they say what this key of a connection string would say.
    pub(super) fn say(&self, key: &str) -> bool {
        key == "password" || (key == "user" && self.user.is_some())
    }

    pub(super) fn read(&self) -> Result<(Option<Secret>, Secret), String> {
        let user = self.user.as_deref().map(Secret::from_file).transpose().map_err(|error| format!("user_file {error}"))?;
        let password = Secret::from_file(&self.password).map_err(|error| format!("password_file {error}"))?;
        Ok((user, password))
    }
}
