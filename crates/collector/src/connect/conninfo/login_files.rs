//! A login in its own files, as a mounted Kubernetes Secret. The files are read for each connection, so a rotation needs no restart.

use std::path::PathBuf;

use crate::connect::secret::Secret;

/// The files of a login. Their contents override `PGUSER`, `PGPASSWORD` and the password file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoginFiles {
    /// The file with the user's name, if the connection string does not contain the name.
    pub user: Option<PathBuf>,
    pub password: PathBuf,
}

impl LoginFiles {
    /// Whether the files replace this key of a connection string.
    pub(super) fn say(&self, key: &str) -> bool {
        key == "password" || (key == "user" && self.user.is_some())
    }

    pub(super) fn read(&self) -> Result<(Option<Secret>, Secret), String> {
        let user = self.user.as_deref().map(Secret::from_file).transpose().map_err(|error| format!("user_file {error}"))?;
        let password = Secret::from_file(&self.password).map_err(|error| format!("password_file {error}"))?;
        Ok((user, password))
    }
}
