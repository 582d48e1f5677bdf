//! Tokens, which programs send instead of a login. An `api` token has a role. A `collector` token may only ship batches. An `enrolment`
//! token is exchanged for a collector's own credential ([`super::credentials`]), as often as its `max_uses` allows.
//!
//! An enrolment token is stored as a `collector` token with a number of uses, so that the previous version can list and revoke it.

use chrono::{DateTime, Duration, Utc};
use serde::{Deserialize, Serialize};

use super::database::statement;
use super::error::MetaError;
use super::handle::Meta;
use super::role::{Role, UnknownWord};
use super::time::{micros, time};
use super::users::role;

/// `last_used` is written at most this often, so that not every authentication costs a commit.
const LAST_USED_STEP: Duration = Duration::minutes(1);

/// The purpose of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TokenKind {
    Api,
    Collector,
    Enrolment,
}

impl TokenKind {
    /// The word in the store and in the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Collector => "collector",
            Self::Enrolment => "enrolment",
        }
    }
}

impl std::str::FromStr for TokenKind {
    type Err = UnknownWord;

    fn from_str(word: &str) -> Result<Self, UnknownWord> {
        [Self::Api, Self::Collector, Self::Enrolment]
            .into_iter()
            .find(|kind| kind.as_str() == word)
            .ok_or_else(|| UnknownWord { word: word.into(), known: "api, collector, enrolment" })
    }
}

/// A token, without its secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Token {
    pub id: i64,
    pub name: String,
    pub kind: TokenKind,
    /// Applies to API tokens only.
    pub role: Role,
    pub created: DateTime<Utc>,
    pub expires: Option<DateTime<Utc>>,
    /// Accurate to the minute.
    pub last_used: Option<DateTime<Utc>>,
    pub revoked: Option<DateTime<Utc>>,
    /// The number of collectors enrolled with this token. `None` for other kinds of token.
    pub uses: Option<u64>,
    /// The maximum number of uses. `None`: unlimited.
    pub max_uses: Option<u64>,
}

/// The values of a new token, with the hash of its secret. The secret itself is never passed to the store.
#[derive(Debug, Clone)]
pub struct NewToken<'a> {
    pub name: &'a str,
    pub kind: TokenKind,
    pub role: Role,
    pub hash: &'a [u8],
    pub created: DateTime<Utc>,
    pub expires: Option<DateTime<Utc>>,
    /// Applies to enrolment tokens only.
    pub max_uses: Option<u32>,
}

/// The columns of a token, in the order of [`Row`].
pub(super) const COLUMNS: &str = "id, name, kind, role, created, expires, last_used, revoked, uses, max_uses";

impl Meta {
    /// Adds a token.
    ///
    /// # Errors
    /// [`MetaError::Exists`] if the name is taken. Revoked tokens keep their names.
    pub async fn create_token(&self, new: NewToken<'_>) -> Result<Token, MetaError> {
        let insert = statement(
            "insert into tokens (name, kind, role, hash, created, expires, uses, max_uses) values ($1, $2, $3, $4, $5, $6, $7, $8)
             on conflict (name) do nothing returning id",
        );
        let (stored_as, uses) = match new.kind {
            TokenKind::Enrolment => (TokenKind::Collector, Some(0)),
            kind => (kind, None),
        };
        let max_uses = uses.and(new.max_uses);
        let insert = insert.bind(new.name).bind(stored_as.as_str()).bind(new.role.as_str()).bind(new.hash);
        let insert = insert.bind(micros(new.created)).bind(new.expires.map(micros)).bind(uses).bind(max_uses.map(i64::from));
        match self.database().returning::<(i64,)>(insert).await? {
            Some((id,)) => Ok(Token {
                id,
                name: new.name.into(),
                kind: new.kind,
                role: new.role,
                created: time(micros(new.created)),
                expires: new.expires.map(|expires| time(micros(expires))),
                last_used: None,
                revoked: None,
                uses: uses.map(i64::unsigned_abs),
                max_uses: max_uses.map(u64::from),
            }),
            None => Err(MetaError::Exists { what: "token", name: new.name.into() }),
        }
    }

    /// All tokens, including revoked and expired ones, newest first.
    ///
    /// # Errors
    /// If the store fails. This holds for every method here.
    pub async fn tokens(&self) -> Result<Vec<Token>, MetaError> {
        let sql = sqlx::AssertSqlSafe(format!("select {COLUMNS} from tokens order by id desc"));
        let rows: Vec<Row> = self.database().all(statement(sql)).await?;
        rows.into_iter().map(Row::token).collect()
    }

    /// Finds the token with this hash, if it is neither revoked nor expired. Updates `last_used`.
    ///
    /// # Errors
    /// If the store cannot be read. A `last_used` that cannot be written (a full disk) is not an error.
    pub async fn token(&self, hash: &[u8], now: DateTime<Utc>) -> Result<Option<Token>, MetaError> {
        let select = statement(sqlx::AssertSqlSafe(format!(
            "select {COLUMNS} from tokens where hash = $1 and revoked is null and (expires is null or expires > $2)"
        )));
        let found: Option<Row> = self.database().optional(select.bind(hash).bind(micros(now))).await?;
        let Some(row) = found else { return Ok(None) };
        let token = row.token()?;
        if token.last_used.is_none_or(|last| now - last >= LAST_USED_STEP) {
            let note = statement("update tokens set last_used = $2 where id = $1").bind(token.id).bind(micros(now));
            if let Err(error) = self.database().execute(note).await {
                tracing::warn!(token.name, error = %error, "cannot record the use of a token");
            }
        }
        Ok(Some(token))
    }

    /// Finds the token with this hash, also if it is revoked or expired. Changes nothing.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn token_of(&self, hash: &[u8]) -> Result<Option<Token>, MetaError> {
        let select = statement(sqlx::AssertSqlSafe(format!("select {COLUMNS} from tokens where hash = $1")));
        let found: Option<Row> = self.database().optional(select.bind(hash)).await?;
        found.map(Row::token).transpose()
    }

    /// Revokes a token permanently. Returns false if there is no such token, or if it is already revoked.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn revoke_token(&self, id: i64, now: DateTime<Utc>) -> Result<bool, MetaError> {
        let revoke = statement("update tokens set revoked = $2 where id = $1 and revoked is null").bind(id).bind(micros(now));
        Ok(self.database().execute(revoke).await? > 0)
    }
}

/// A row of a token in the store.
#[derive(sqlx::FromRow)]
pub(super) struct Row {
    id: i64,
    name: String,
    kind: String,
    role: String,
    created: i64,
    expires: Option<i64>,
    last_used: Option<i64>,
    revoked: Option<i64>,
    uses: Option<i64>,
    max_uses: Option<i64>,
}

impl Row {
    pub(super) fn token(self) -> Result<Token, MetaError> {
        Ok(Token {
            id: self.id,
            kind: match self.uses {
                Some(_) => TokenKind::Enrolment,
                None => self.kind.parse().map_err(|error: UnknownWord| MetaError::Store(error.into()))?,
            },
            role: role(&self.role)?,
            name: self.name,
            created: time(self.created),
            expires: self.expires.map(time),
            last_used: self.last_used.map(time),
            revoked: self.revoked.map(time),
            uses: self.uses.map(i64::unsigned_abs),
            max_uses: self.max_uses.map(i64::unsigned_abs),
        })
    }
}
