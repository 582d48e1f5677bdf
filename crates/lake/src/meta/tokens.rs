//! Tokens: what programs show instead of a login. An `api` token has a role; a `collector` token may only ship batches.

use chrono::{DateTime, Duration, Utc};
use serde::{Deserialize, Serialize};
use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

use super::users::role;
use super::{Meta, MetaError, Role, UnknownWord, micros, time};

/// `last_used` is written at most this often, so that authentication does not cost a commit each time.
const LAST_USED_STEP: Duration = Duration::minutes(1);

/// What a token is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TokenKind {
    Api,
    Collector,
}

impl TokenKind {
    /// As written in the store and the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Collector => "collector",
        }
    }
}

impl std::str::FromStr for TokenKind {
    type Err = UnknownWord;

    fn from_str(word: &str) -> Result<Self, UnknownWord> {
        [Self::Api, Self::Collector]
            .into_iter()
            .find(|kind| kind.as_str() == word)
            .ok_or_else(|| UnknownWord { word: word.into(), known: "api, collector" })
    }
}

/// A token, without its secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Token {
    pub id: i64,
    pub name: String,
    pub kind: TokenKind,
    /// Of no meaning for a collector's token.
    pub role: Role,
    pub created: DateTime<Utc>,
    pub expires: Option<DateTime<Utc>>,
    /// To the minute.
    pub last_used: Option<DateTime<Utc>>,
    pub revoked: Option<DateTime<Utc>>,
}

/// What a new token is made of; the secret itself never comes here.
#[derive(Debug, Clone)]
pub struct NewToken<'a> {
    pub name: &'a str,
    pub kind: TokenKind,
    pub role: Role,
    pub hash: &'a [u8],
    pub created: DateTime<Utc>,
    pub expires: Option<DateTime<Utc>>,
}

impl Meta {
    /// Adds a token.
    ///
    /// # Errors
    /// [`MetaError::Exists`] when the name is taken (revoked ones keep theirs).
    pub async fn create_token(&self, new: NewToken<'_>) -> Result<Token, MetaError> {
        let inserted = sqlx::query("insert into tokens (name, kind, role, hash, created, expires) values (?1, ?2, ?3, ?4, ?5, ?6)")
            .bind(new.name)
            .bind(new.kind.as_str())
            .bind(new.role.as_str())
            .bind(new.hash)
            .bind(micros(new.created))
            .bind(new.expires.map(micros))
            .execute(self.writer())
            .await;
        match inserted {
            Ok(done) => Ok(Token {
                id: done.last_insert_rowid(),
                name: new.name.into(),
                kind: new.kind,
                role: new.role,
                created: time(micros(new.created)),
                expires: new.expires.map(|expires| time(micros(expires))),
                last_used: None,
                revoked: None,
            }),
            Err(sqlx::Error::Database(error)) if error.is_unique_violation() => {
                Err(MetaError::Exists { what: "token", name: new.name.into() })
            }
            Err(error) => Err(error.into()),
        }
    }

    /// All tokens, revoked and expired ones too, newest first.
    ///
    /// # Errors
    /// When the store fails; so with every method here.
    pub async fn tokens(&self) -> Result<Vec<Token>, MetaError> {
        let rows = sqlx::query("select id, name, kind, role, created, expires, last_used, revoked from tokens order by id desc")
            .fetch_all(self.readers())
            .await?;
        rows.iter().map(token).collect()
    }

    /// The live token of this hash: neither revoked nor expired. Notes that it was used.
    ///
    /// # Errors
    /// When the store fails to read; a `last_used` that cannot be written (a full disk) is no reason to refuse the token.
    pub async fn token(&self, hash: &[u8], now: DateTime<Utc>) -> Result<Option<Token>, MetaError> {
        let row = sqlx::query(
            "select id, name, kind, role, created, expires, last_used, revoked from tokens
             where hash = ?1 and revoked is null and (expires is null or expires > ?2)",
        )
        .bind(hash)
        .bind(micros(now))
        .fetch_optional(self.readers())
        .await?;
        let Some(row) = row else { return Ok(None) };
        let token = token(&row)?;
        if token.last_used.is_none_or(|last| now - last >= LAST_USED_STEP) {
            let noted =
                sqlx::query("update tokens set last_used = ?2 where id = ?1").bind(token.id).bind(micros(now)).execute(self.writer()).await;
            if let Err(error) = noted {
                tracing::warn!(token.name, error = %error, "note the use of a token");
            }
        }
        Ok(Some(token))
    }

    /// Revokes a token for good. False when there is no such token, or it was revoked before.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn revoke_token(&self, id: i64, now: DateTime<Utc>) -> Result<bool, MetaError> {
        let done = sqlx::query("update tokens set revoked = ?2 where id = ?1 and revoked is null")
            .bind(id)
            .bind(micros(now))
            .execute(self.writer())
            .await?;
        Ok(done.rows_affected() > 0)
    }
}

fn token(row: &SqliteRow) -> Result<Token, MetaError> {
    let kind: String = row.try_get("kind")?;
    Ok(Token {
        id: row.try_get("id")?,
        name: row.try_get("name")?,
        kind: kind.parse().map_err(|error: UnknownWord| MetaError::Store(error.into()))?,
        role: role(row, "role")?,
        created: time(row.try_get("created")?),
        expires: row.try_get::<Option<i64>, _>("expires")?.map(time),
        last_used: row.try_get::<Option<i64>, _>("last_used")?.map(time),
        revoked: row.try_get::<Option<i64>, _>("revoked")?.map(time),
    })
}
