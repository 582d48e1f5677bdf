//! Retention: how long each table's days are kept, and how they leave the history, whole.
//!
//! # Promise
//! A day goes when all of it is older, so no query sees half of one. Its files are retired like replaced ones, and deleted once no query
//! can be reading them. Rows that the rollups do not hold yet stay until they do. The setting is read at each run, so a change acts
//! at the next one, in every backend, without a restart.
//!
//! # The defaults
//! Measured, a sample takes a third of a byte. A busy server, with 500 statements active each minute and some 40 columns, so writes
//! 500 × 1,440 × 40 × 0.334 B = 9.6 MB of statements a day. Raw rows for 30 days are 290 MB; rows of five minutes, at a fifth of that,
//! 770 MB for 400 days (a year and a month, to compare with the same month of last year); rows of an hour, at a twelfth of
//! those, 290 MB for five years. Raw rows for 400 days would be 3.8 GB. Tables without a rollup hold facts that rows of any age refer to
//! (texts of statements, settings) and grow with change only, so they stay as long as the coarsest rows.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Context as _;
use chrono::{DateTime, Utc};
use pganalytics_views::Tier;
use serde::{Deserialize, Serialize};

use crate::meta::{Meta, MetaError};
use crate::model::Shapes;

/// The setting's name in the meta store.
const SETTING: &str = "retention";
/// Days that rows of five minutes are kept: a year and a month.
const DEFAULT_5M_DAYS: u32 = 400;
/// Days that rows of an hour are kept, and facts: five years.
const DEFAULT_1H_DAYS: u32 = 5 * 365 + 2;
/// The longest retention, a century: beyond is a slip of the finger.
pub const MAX_RETENTION_DAYS: u32 = 36_525;
const DAY: Duration = Duration::from_secs(86_400);

/// How long history is kept, as it was set. What is not set has its default.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RetentionSetting {
    /// Days of rows as they were collected; without it, `--retention`.
    pub raw: Option<u32>,
    /// Days of the rollups of five minutes.
    #[serde(rename = "5m")]
    pub five_minutes: Option<u32>,
    /// Days of the rollups of an hour.
    #[serde(rename = "1h")]
    pub hour: Option<u32>,
    /// Days of tables that have no rollups.
    pub facts: Option<u32>,
    /// Days of single tables, by name.
    pub tables: BTreeMap<String, u32>,
}

/// How long history is kept, in days.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct RetentionDays {
    pub raw: u32,
    #[serde(rename = "5m")]
    pub five_minutes: u32,
    #[serde(rename = "1h")]
    pub hour: u32,
    pub facts: u32,
}

/// What holds: the setting over the defaults.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Retention {
    pub setting: RetentionSetting,
    pub days: RetentionDays,
}

/// Why a retention was not taken.
#[derive(Debug, thiserror::Error)]
pub enum RetentionError {
    #[error("{what}: {days} days cannot be a retention; give 1 to {MAX_RETENTION_DAYS}")]
    Days { what: String, days: u32 },
    #[error("table '{table}' does not exist; did you mean '{nearest}'?")]
    Table { table: String, nearest: String },
    #[error(transparent)]
    Meta(#[from] MetaError),
}

impl Retention {
    /// What holds where this is set, and raw rows are kept so long unless it says otherwise.
    fn new(setting: RetentionSetting, raw: Duration) -> Self {
        let raw = u32::try_from(raw.as_secs() / DAY.as_secs()).unwrap_or(MAX_RETENTION_DAYS).clamp(1, MAX_RETENTION_DAYS);
        let days = RetentionDays {
            raw: setting.raw.unwrap_or(raw),
            five_minutes: setting.five_minutes.unwrap_or(DEFAULT_5M_DAYS),
            hour: setting.hour.unwrap_or(DEFAULT_1H_DAYS),
            facts: setting.facts.unwrap_or(DEFAULT_1H_DAYS),
        };
        Self { setting, days }
    }

    /// The days a table is kept.
    pub(crate) fn of(&self, table: &str, shapes: &Shapes) -> u32 {
        if let Some(days) = self.setting.tables.get(table) {
            return *days;
        }
        match shapes.get(table).map(|shape| (shape, shape.view.rollup.as_ref())) {
            Some((_, Some(origin))) if origin.tier == Tier::FiveMinutes => self.days.five_minutes,
            Some((_, Some(_))) => self.days.hour,
            Some((shape, None)) if !shapes.has_rollups(shape) => self.days.facts,
            // A table whose definition is gone is kept like any.
            _ => self.days.raw,
        }
    }
}

/// What holds at this moment.
pub(crate) async fn retention(meta: &Meta, raw: Duration) -> anyhow::Result<Retention> {
    let setting = match meta.setting(SETTING).await? {
        Some(json) => serde_json::from_str(&json).with_context(|| format!("the setting '{SETTING}' in the meta store"))?,
        None => RetentionSetting::default(),
    };
    Ok(Retention::new(setting, raw))
}

/// Sets it, once it is checked whole.
pub(crate) async fn set(meta: &Meta, shapes: &Shapes, setting: &RetentionSetting, now: DateTime<Utc>) -> Result<(), RetentionError> {
    let tiers = [("raw", setting.raw), ("5m", setting.five_minutes), ("1h", setting.hour), ("facts", setting.facts)];
    let tiers = tiers.iter().filter_map(|(what, days)| Some((*what, (*days)?)));
    for (what, days) in tiers.chain(setting.tables.iter().map(|(table, days)| (table.as_str(), *days))) {
        if !(1..=MAX_RETENTION_DAYS).contains(&days) {
            return Err(RetentionError::Days { what: what.into(), days });
        }
    }
    if let Some(table) = setting.tables.keys().find(|table| shapes.get(table).is_none()) {
        let names = shapes.iter().map(|shape| shape.name());
        let nearest = names.max_by(|a, b| strsim::jaro_winkler(table, a).total_cmp(&strsim::jaro_winkler(table, b)));
        return Err(RetentionError::Table { table: table.clone(), nearest: nearest.unwrap_or_default().into() });
    }
    let json = serde_json::to_string(setting).map_err(|error| MetaError::Store(error.into()))?;
    Ok(meta.set_setting(SETTING, &json, now).await?)
}
