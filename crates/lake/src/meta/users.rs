//! Users: a name, a role, and the hash of a password that only the server knows how to check.

use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

use super::{Meta, MetaError, Role, micros, time};

/// A person who may log in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct User {
    pub id: i64,
    pub name: String,
    pub role: Role,
    pub created: DateTime<Utc>,
    pub disabled: bool,
}

/// A user with the password's hash, for login only: neither printed nor serialised.
#[derive(Clone)]
pub struct Credentials {
    pub user: User,
    pub password_hash: String,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials").field("user", &self.user).finish_non_exhaustive()
    }
}

impl Meta {
    /// All users, by name.
    ///
    /// # Errors
    /// When the store fails; so with every method here.
    pub async fn users(&self) -> Result<Vec<User>, MetaError> {
        let rows = sqlx::query("select id, name, role, created, disabled from users order by name").fetch_all(self.readers()).await?;
        rows.iter().map(user).collect()
    }

    /// The user of this name with the password's hash; disabled ones too, for the caller to refuse.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn credentials(&self, name: &str) -> Result<Option<Credentials>, MetaError> {
        let row = sqlx::query("select id, name, role, created, disabled, password_hash from users where name = ?1")
            .bind(name)
            .fetch_optional(self.readers())
            .await?;
        row.map(|row| Ok(Credentials { user: user(&row)?, password_hash: row.try_get("password_hash")? })).transpose()
    }

    /// Adds a user.
    ///
    /// # Errors
    /// [`MetaError::Exists`] when the name is taken.
    pub async fn create_user(&self, name: &str, role: Role, password_hash: &str, now: DateTime<Utc>) -> Result<User, MetaError> {
        let inserted = sqlx::query("insert into users (name, role, password_hash, created) values (?1, ?2, ?3, ?4)")
            .bind(name)
            .bind(role.as_str())
            .bind(password_hash)
            .bind(micros(now))
            .execute(self.writer())
            .await;
        match inserted {
            Ok(done) => Ok(User { id: done.last_insert_rowid(), name: name.into(), role, created: time(micros(now)), disabled: false }),
            Err(sqlx::Error::Database(error)) if error.is_unique_violation() => Err(MetaError::Exists { what: "user", name: name.into() }),
            Err(error) => Err(error.into()),
        }
    }

    /// Sets a password's hash and ends the user's sessions. False when there is no such user.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn set_password(&self, name: &str, password_hash: &str) -> Result<bool, MetaError> {
        let mut transaction = self.writer().begin().await?;
        let done = sqlx::query("update users set password_hash = ?2 where name = ?1")
            .bind(name)
            .bind(password_hash)
            .execute(&mut *transaction)
            .await?;
        end_sessions(&mut transaction, name).await?;
        transaction.commit().await?;
        Ok(done.rows_affected() > 0)
    }

    /// Sets a role. False when there is no such user.
    ///
    /// # Errors
    /// [`MetaError::LastAdmin`] when nobody would be admin any more.
    pub async fn set_role(&self, name: &str, role: Role) -> Result<bool, MetaError> {
        let mut transaction = self.writer().begin().await?;
        let done =
            sqlx::query("update users set role = ?2 where name = ?1").bind(name).bind(role.as_str()).execute(&mut *transaction).await?;
        keep_an_admin(&mut transaction, name, done.rows_affected()).await?;
        transaction.commit().await?;
        Ok(done.rows_affected() > 0)
    }

    /// Disables or enables a user; disabling ends the sessions. False when there is no such user.
    ///
    /// # Errors
    /// [`MetaError::LastAdmin`] when nobody would be admin any more.
    pub async fn set_disabled(&self, name: &str, disabled: bool) -> Result<bool, MetaError> {
        let mut transaction = self.writer().begin().await?;
        let done =
            sqlx::query("update users set disabled = ?2 where name = ?1").bind(name).bind(disabled).execute(&mut *transaction).await?;
        if disabled {
            keep_an_admin(&mut transaction, name, done.rows_affected()).await?;
            end_sessions(&mut transaction, name).await?;
        }
        transaction.commit().await?;
        Ok(done.rows_affected() > 0)
    }

    /// Removes a user and the sessions. False when there is no such user.
    ///
    /// # Errors
    /// [`MetaError::LastAdmin`] when nobody would be admin any more.
    pub async fn delete_user(&self, name: &str) -> Result<bool, MetaError> {
        let mut transaction = self.writer().begin().await?;
        let done = sqlx::query("delete from users where name = ?1").bind(name).execute(&mut *transaction).await?;
        keep_an_admin(&mut transaction, name, done.rows_affected()).await?;
        transaction.commit().await?;
        Ok(done.rows_affected() > 0)
    }
}

type Transaction<'a> = sqlx::Transaction<'a, sqlx::Sqlite>;

async fn end_sessions(transaction: &mut Transaction<'_>, name: &str) -> Result<(), MetaError> {
    sqlx::query("delete from sessions where user in (select id from users where name = ?1)").bind(name).execute(&mut **transaction).await?;
    Ok(())
}

/// Refuses a change (the transaction is then dropped, so rolled back) after which no enabled admin is left.
async fn keep_an_admin(transaction: &mut Transaction<'_>, name: &str, changed: u64) -> Result<(), MetaError> {
    let admins: i64 =
        sqlx::query_scalar("select count(*) from users where role = 'admin' and disabled = 0").fetch_one(&mut **transaction).await?;
    if changed > 0 && admins == 0 { Err(MetaError::LastAdmin(name.into())) } else { Ok(()) }
}

pub(super) fn role(row: &SqliteRow, column: &str) -> Result<Role, MetaError> {
    let word: String = row.try_get(column)?;
    word.parse().map_err(|error: super::UnknownWord| MetaError::Store(error.into()))
}

pub(super) fn user(row: &SqliteRow) -> Result<User, MetaError> {
    Ok(User {
        id: row.try_get("id")?,
        name: row.try_get("name")?,
        role: role(row, "role")?,
        created: time(row.try_get("created")?),
        disabled: row.try_get("disabled")?,
    })
}
