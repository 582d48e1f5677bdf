//! Settings of all backends, stored as JSON by name. The module that uses a setting defines its meaning and its default.

use chrono::{DateTime, Utc};

use super::database::statement;
use super::error::MetaError;
use super::handle::Meta;
use super::time::micros;

impl Meta {
    /// The JSON of a setting, if it was ever set.
    pub(crate) async fn setting(&self, name: &str) -> Result<Option<String>, MetaError> {
        let select = statement("select value from settings where name = $1").bind(name);
        let found: Option<(String,)> = self.database().optional(select).await?;
        Ok(found.map(|(value,)| value))
    }

    /// The value of a setting. If there is none, stores and returns `value`. Concurrent callers get the same value.
    pub(crate) async fn setting_or(&self, name: &str, value: &str, now: DateTime<Utc>) -> Result<String, MetaError> {
        let insert = statement("insert into settings (name, value, changed) values ($1, $2, $3) on conflict (name) do nothing");
        self.database().execute(insert.bind(name).bind(value).bind(micros(now))).await?;
        Ok(self.setting(name).await?.unwrap_or_else(|| value.to_owned()))
    }

    /// Stores a setting.
    pub(crate) async fn set_setting(&self, name: &str, json: &str, now: DateTime<Utc>) -> Result<(), MetaError> {
        let upsert = statement(
            "insert into settings (name, value, changed) values ($1, $2, $3)
             on conflict (name) do update set value = excluded.value, changed = excluded.changed",
        );
        self.database().execute(upsert.bind(name).bind(json).bind(micros(now))).await?;
        Ok(())
    }
}
