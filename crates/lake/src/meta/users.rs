//! Users: a name, a role, and the hash of a password. Only the server can check a password against its hash.

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::database::{Transaction, statement};
use super::error::MetaError;
use super::handle::Meta;
use super::role::{Role, UnknownWord};
use super::time::{micros, time};

/// A user who may log in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct User {
    pub id: i64,
    pub name: String,
    pub role: Role,
    pub created: DateTime<Utc>,
    pub disabled: bool,
}

/// A user with the hash of the password. Used for login only; neither printed nor serialised.
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
    /// If the store fails. This holds for every method here.
    pub async fn users(&self) -> Result<Vec<User>, MetaError> {
        let rows: Vec<Row> = self.database().all(statement("select id, name, role, created, disabled from users order by name")).await?;
        rows.into_iter().map(Row::user).collect()
    }

    /// The user of this name with the hash of the password. Also returns disabled users: the caller must refuse them.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn credentials(&self, name: &str) -> Result<Option<Credentials>, MetaError> {
        let sql = "select id, name, role, created, disabled, password_hash from users where name = $1";
        let found: Option<RowWithHash> = self.database().optional(statement(sql).bind(name)).await?;
        found.map(|found| Ok(Credentials { user: found.row.user()?, password_hash: found.password_hash })).transpose()
    }

    /// Adds a user.
    ///
    /// # Errors
    /// [`MetaError::Exists`] if the name is taken.
    pub async fn create_user(&self, name: &str, role: Role, password_hash: &str, now: DateTime<Utc>) -> Result<User, MetaError> {
        let insert = statement(
            "insert into users (name, role, password_hash, created) values ($1, $2, $3, $4) on conflict (name) do nothing returning id",
        );
        let insert = insert.bind(name).bind(role.as_str()).bind(password_hash).bind(micros(now));
        match self.database().returning::<(i64,)>(insert).await? {
            Some((id,)) => Ok(User { id, name: name.into(), role, created: time(micros(now)), disabled: false }),
            None => Err(MetaError::Exists { what: "user", name: name.into() }),
        }
    }

    /// Sets the hash of a user's password and ends the user's sessions. Returns false if there is no such user.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn set_password(&self, name: &str, password_hash: &str) -> Result<bool, MetaError> {
        let mut transaction = self.database().begin().await?;
        let update = statement("update users set password_hash = $2 where name = $1").bind(name).bind(password_hash);
        let changed = transaction.execute(update).await?;
        end_sessions(&mut transaction, name).await?;
        transaction.commit().await?;
        Ok(changed > 0)
    }

    /// Sets a user's role. Returns false if there is no such user.
    ///
    /// # Errors
    /// [`MetaError::LastAdmin`] if no enabled admin would be left.
    pub async fn set_role(&self, name: &str, role: Role) -> Result<bool, MetaError> {
        let mut transaction = self.one_by_one().await?;
        let update = statement("update users set role = $2 where name = $1").bind(name).bind(role.as_str());
        let changed = transaction.execute(update).await?;
        keep_an_admin(&mut transaction, name, changed).await?;
        transaction.commit().await?;
        Ok(changed > 0)
    }

    /// Disables or enables a user. Disabling ends the user's sessions. Returns false if there is no such user.
    ///
    /// # Errors
    /// [`MetaError::LastAdmin`] if no enabled admin would be left.
    pub async fn set_disabled(&self, name: &str, disabled: bool) -> Result<bool, MetaError> {
        let mut transaction = self.one_by_one().await?;
        let update = statement("update users set disabled = $2 where name = $1").bind(name).bind(disabled);
        let changed = transaction.execute(update).await?;
        if disabled {
            keep_an_admin(&mut transaction, name, changed).await?;
            end_sessions(&mut transaction, name).await?;
        }
        transaction.commit().await?;
        Ok(changed > 0)
    }

    /// Deletes a user and the user's sessions. Returns false if there is no such user.
    ///
    /// # Errors
    /// [`MetaError::LastAdmin`] if no enabled admin would be left.
    pub async fn delete_user(&self, name: &str) -> Result<bool, MetaError> {
        let mut transaction = self.one_by_one().await?;
        let changed = transaction.execute(statement("delete from users where name = $1").bind(name)).await?;
        keep_an_admin(&mut transaction, name, changed).await?;
        transaction.commit().await?;
        Ok(changed > 0)
    }

    /// Begins a transaction that waits for other changes of users. If two admins demote each other at the same time, only one may succeed.
    async fn one_by_one(&self) -> Result<Transaction, MetaError> {
        let mut transaction = self.database().begin().await?;
        if self.database().is_shared() {
            transaction.execute(statement("lock table users in share row exclusive mode")).await?;
        }
        Ok(transaction)
    }
}

async fn end_sessions(transaction: &mut Transaction, name: &str) -> Result<(), MetaError> {
    let sql = "delete from sessions where \"user\" in (select id from users where name = $1)";
    transaction.execute(statement(sql).bind(name)).await?;
    Ok(())
}

/// Refuses a change after which no enabled admin is left. The caller then drops the transaction, which rolls it back.
async fn keep_an_admin(transaction: &mut Transaction, name: &str, changed: u64) -> Result<(), MetaError> {
    let (admins,): (i64,) = transaction.one(statement("select count(*) from users where role = 'admin' and not disabled")).await?;
    if changed > 0 && admins == 0 { Err(MetaError::LastAdmin(name.into())) } else { Ok(()) }
}

/// Parses a role from the store.
pub(super) fn role(word: &str) -> Result<Role, MetaError> {
    word.parse().map_err(|error: UnknownWord| MetaError::Store(error.into()))
}

/// A row of a user in the store.
#[derive(sqlx::FromRow)]
pub(super) struct Row {
    id: i64,
    name: String,
    role: String,
    created: i64,
    disabled: bool,
}

#[derive(sqlx::FromRow)]
struct RowWithHash {
    #[sqlx(flatten)]
    row: Row,
    password_hash: String,
}

impl Row {
    pub(super) fn user(self) -> Result<User, MetaError> {
        Ok(User { id: self.id, role: role(&self.role)?, name: self.name, created: time(self.created), disabled: self.disabled })
    }
}
