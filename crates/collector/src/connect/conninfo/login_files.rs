//! A login in files of its own, as a Kubernetes Secret is mounted. They are read at each connection, so that a rotation needs no restart.

use std::borrow::Cow;
use std::path::PathBuf;

use super::Conninfo;
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

    fn read(&self) -> Result<(Option<Secret>, Secret), String> {
        let user = self.user.as_deref().map(Secret::from_file).transpose().map_err(|error| format!("user_file {error}"))?;
        let password = Secret::from_file(&self.password).map_err(|error| format!("password_file {error}"))?;
        Ok((user, password))
    }
}

impl Conninfo {
    /// The same with the login that its files hold now.
    ///
    /// # Errors
    /// The file, what is wrong with it, and what helps.
    pub(crate) async fn with_login(&self) -> Result<Cow<'_, Self>, String> {
        let Some(files) = self.login_files.clone() else { return Ok(Cow::Borrowed(self)) };
        let reading = tokio::task::spawn_blocking(move || files.read());
        let read = tokio::time::timeout(self.connect_timeout, reading).await;
        let (user, password) = match read {
            Ok(Ok(read)) => read?,
            Ok(Err(defect)) => return Err(format!("reading password_file ended in a defect: {defect}")),
            Err(_) => return Err("password_file cannot be read in time: see to the disk or network that it is on".into()),
        };
        let mut found = self.clone();
        found.user = user.map(|user| user.reveal().trim().to_owned()).or(found.user);
        found.hosts.iter_mut().for_each(|host| host.password = Some(password.clone()));
        Ok(Cow::Owned(found))
    }
}
