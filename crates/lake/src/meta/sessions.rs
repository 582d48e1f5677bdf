//! Sessions of users who are logged in, identified by the hash of the session's token.

use chrono::{DateTime, Utc};

use super::database::statement;
use super::error::MetaError;
use super::handle::Meta;
use super::time::{micros, time};
use super::users::{Row, User};

/// A session that has not expired, of a user who is not disabled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    pub user: User,
    pub expires: DateTime<Utc>,
}

impl Meta {
    /// Adds a session.
    ///
    /// # Errors
    /// If the store fails. This holds for every method here.
    pub async fn create_session(&self, hash: &[u8], user: i64, created: DateTime<Utc>, expires: DateTime<Utc>) -> Result<(), MetaError> {
        let insert = statement("insert into sessions (hash, \"user\", created, expires) values ($1, $2, $3, $4)");
        self.database().execute(insert.bind(hash).bind(user).bind(micros(created)).bind(micros(expires))).await?;
        Ok(())
    }

    /// Finds the session with this hash, if it is still valid.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn session(&self, hash: &[u8], now: DateTime<Utc>) -> Result<Option<Session>, MetaError> {
        let select = statement(
            "select users.id, users.name, users.role, users.created, users.disabled, sessions.expires
             from sessions join users on users.id = sessions.\"user\"
             where sessions.hash = $1 and sessions.expires > $2 and not users.disabled",
        );
        let found: Option<SessionRow> = self.database().optional(select.bind(hash).bind(micros(now))).await?;
        found.map(|found| Ok(Session { user: found.row.user()?, expires: time(found.expires) })).transpose()
    }

    /// Ends a session. Returns false if there was none.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn delete_session(&self, hash: &[u8]) -> Result<bool, MetaError> {
        Ok(self.database().execute(statement("delete from sessions where hash = $1").bind(hash)).await? > 0)
    }

    /// Deletes the expired sessions. The background task also does this.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn delete_expired_sessions(&self, now: DateTime<Utc>) -> Result<u64, MetaError> {
        Ok(self.database().execute(statement("delete from sessions where expires <= $1").bind(micros(now))).await?)
    }
}

#[derive(sqlx::FromRow)]
struct SessionRow {
    #[sqlx(flatten)]
    row: Row,
    expires: i64,
}
