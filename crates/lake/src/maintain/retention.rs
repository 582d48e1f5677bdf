//! Retention: how many days of each table are kept. Days leave the history as a whole.
//!
//! # Promise
//! A day is removed when all of it is older than the retention, so no query sees part of a day. Its files are retired like replaced files,
//! and deleted when no query can still read them. Rows that are not in the rollups yet stay until they are. The setting is read at each
//! run, so a change takes effect at the next run, in every backend, without a restart.
//!
//! # The defaults
//! In measurements, a sample takes a third of a byte. A busy server has 500 active statements each minute and about 40 columns, so it
//! writes 500 × 1,440 × 40 × 0.334 B = 9.6 MB of statements a day. Raw rows take 290 MB for 30 days. Five-minute rows take a fifth of that
//! per day: 770 MB for 400 days (a year and a month, to compare with the same month of the year before). One-hour rows take a twelfth of
//! the five-minute rows: 290 MB for five years. Raw rows for 400 days would take 3.8 GB. Tables without a rollup hold facts that rows of
//! any age refer to (texts of statements, settings). They grow only with changes, so they are kept as long as the coarsest rows.

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
/// Days that five-minute rows are kept: a year and a month.
const DEFAULT_5M_DAYS: u32 = 400;
/// Days that one-hour rows and facts are kept: five years.
const DEFAULT_1H_DAYS: u32 = 5 * 365 + 2;
/// The longest retention, a century. A larger number is a typing error.
pub const MAX_RETENTION_DAYS: u32 = 36_525;
const DAY: Duration = Duration::from_secs(86_400);

/// The retention as it was set. A value that is not set has its default.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RetentionSetting {
    /// Days of raw rows. Default: `--retention`.
    pub raw: Option<u32>,
    /// Days of the five-minute rollups.
    #[serde(rename = "5m")]
    pub five_minutes: Option<u32>,
    /// Days of the one-hour rollups.
    #[serde(rename = "1h")]
    pub hour: Option<u32>,
    /// Days of tables that have no rollups.
    pub facts: Option<u32>,
    /// Days of single tables, by name.
    pub tables: BTreeMap<String, u32>,
}

/// The retention of each kind of table, in days.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct RetentionDays {
    pub raw: u32,
    #[serde(rename = "5m")]
    pub five_minutes: u32,
    #[serde(rename = "1h")]
    pub hour: u32,
    pub facts: u32,
}

/// The retention in effect: the setting, and the defaults for values that are not set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Retention {
    pub setting: RetentionSetting,
    pub days: RetentionDays,
}

/// Why a retention was refused.
#[derive(Debug, thiserror::Error)]
pub enum RetentionError {
    #[error("{what}: {days} days is out of range; set 1 to {MAX_RETENTION_DAYS} days")]
    Days { what: String, days: u32 },
    #[error("table '{table}' does not exist; did you mean '{nearest}'?")]
    Table { table: String, nearest: String },
    #[error(transparent)]
    Meta(#[from] MetaError),
}

impl Retention {
    /// The retention in effect for a setting. `raw` is the default for raw rows.
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

    /// The number of days that a table is kept.
    ///
    /// The kind of a table that is unknown here follows from the names of the tables: another backend knows it, or its definition is gone.
    pub(crate) fn of(&self, table: &str, shapes: &Shapes, exists: impl Fn(&str) -> bool) -> u32 {
        if let Some(days) = self.setting.tables.get(table) {
            return *days;
        }
        match shapes.get(table).map(|shape| (shape, shape.view.rollup.as_ref())) {
            Some((_, Some(origin))) if origin.tier == Tier::FiveMinutes => self.days.five_minutes,
            Some((_, Some(_))) => self.days.hour,
            Some((shape, None)) if !shapes.has_rollups(shape) => self.days.facts,
            Some(_) => self.days.raw,
            None if table.ends_with("_5m") => self.days.five_minutes,
            None if table.ends_with("_1h") => self.days.hour,
            None if exists(&format!("{table}_5m")) || exists(&format!("{table}_1h")) => self.days.raw,
            None => self.days.facts,
        }
    }
}

/// Reads the retention in effect. `raw` is the default for raw rows.
pub(crate) async fn retention(meta: &Meta, raw: Duration) -> anyhow::Result<Retention> {
    let setting = match meta.setting(SETTING).await? {
        Some(json) => serde_json::from_str(&json).with_context(|| format!("the setting '{SETTING}' in the meta store"))?,
        None => RetentionSetting::default(),
    };
    Ok(Retention::new(setting, raw))
}

/// Checks a retention setting and stores it.
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
