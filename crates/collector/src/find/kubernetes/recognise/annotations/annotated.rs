//! The settings that annotations ask for, from any family.

use crate::connect::conninfo::{RequireAuth, SslMode};
use crate::find::kubernetes::recognise::candidate::{Candidate, Login, User};

/// The settings that annotations ask for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Annotated {
    pub scrape: Option<bool>,
    pub container: Option<String>,
    pub(super) port: Option<u16>,
    pub(super) database: Option<String>,
    pub(super) sslmode: Option<SslMode>,
    pub(super) require_auth: Option<RequireAuth>,
    pub(super) user: Option<String>,
    pub(super) login: Option<Login>,
}

impl Annotated {
    /// Overrides the candidate's defaults with the annotated settings.
    pub(crate) fn apply_to(self, candidate: &mut Candidate) {
        candidate.port = self.port.unwrap_or(candidate.port);
        candidate.sslmode = self.sslmode.or(candidate.sslmode);
        candidate.require_auth = self.require_auth.or(candidate.require_auth);
        candidate.database = self.database.or_else(|| candidate.database.take());
        candidate.user = self.user.or_else(|| candidate.user.take());
        if let Some(login) = self.login {
            candidate.logins = vec![login];
            candidate.login_is_asked_for = true;
        }
    }
}

/// A Secret with a login. If no keys are named, the usual keys apply.
pub(super) fn login(secret: Option<&str>, user: Option<&str>, user_key: Option<&str>, password_key: Option<&str>) -> Option<Login> {
    let user = match (user_key, user) {
        (None, Some(user)) => User::Named(user.into()),
        (key, _) => User::Key(key.unwrap_or("username").into()),
    };
    Some(Login { user, ..Login::new(secret?, "", password_key.unwrap_or("password")) })
}
