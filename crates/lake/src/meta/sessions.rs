//! Sessions: who is logged in, known by the hash of the session's token.

use chrono::{DateTime, Utc};
use sqlx::Row as _;

use super::users::{User, user};
use super::{Meta, MetaError, micros, time};

/// A login that has not expired, of a user who is not disabled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    pub user: User,
    pub expires: DateTime<Utc>,
}

impl Meta {
    /// Adds a session.
    ///
    /// # Errors
    /// When the store fails; so with every method here.
    pub async fn create_session(&self, hash: &[u8], user: i64, created: DateTime<Utc>, expires: DateTime<Utc>) -> Result<(), MetaError> {
        sqlx::query("insert into sessions (hash, user, created, expires) values (?1, ?2, ?3, ?4)")
            .bind(hash)
            .bind(user)
            .bind(micros(created))
            .bind(micros(expires))
            .execute(self.writer())
            .await?;
        Ok(())
    }

    /// The live session of this hash.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn session(&self, hash: &[u8], now: DateTime<Utc>) -> Result<Option<Session>, MetaError> {
        let row = sqlx::query(
            "select users.id, users.name, users.role, users.created, users.disabled, sessions.expires
             from sessions join users on users.id = sessions.user
             where sessions.hash = ?1 and sessions.expires > ?2 and users.disabled = 0",
        )
        .bind(hash)
        .bind(micros(now))
        .fetch_optional(self.readers())
        .await?;
        row.map(|row| Ok(Session { user: user(&row)?, expires: time(row.try_get("expires")?) })).transpose()
    }

    /// Ends a session. False when there was none.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn delete_session(&self, hash: &[u8]) -> Result<bool, MetaError> {
        let done = sqlx::query("delete from sessions where hash = ?1").bind(hash).execute(self.writer()).await?;
        Ok(done.rows_affected() > 0)
    }

    /// Forgets the sessions that have expired; the background task does it too.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn delete_expired_sessions(&self, now: DateTime<Utc>) -> Result<u64, MetaError> {
        let done = sqlx::query("delete from sessions where expires <= ?1").bind(micros(now)).execute(self.writer()).await?;
        Ok(done.rows_affected())
    }
}
