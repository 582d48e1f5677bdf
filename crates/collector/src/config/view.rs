//! The tables `[view.…]`: which views are collected, and how.

use std::sync::Arc;

use pganalytics_views::{View, ViewSet};

use super::place::{ConfigError, Place};

const VIEW_KEYS: &[&str] = &["enabled", "interval", "timeout", "max_rows"];

/// The built-in views and the views of the folder, with the changes of `[view.…]`.
pub(super) fn read(root: &Place<'_>, folder: Option<String>) -> Result<Vec<Arc<View>>, ConfigError> {
    let set = folder.map_or_else(ViewSet::builtin, |folder| ViewSet::with_folder(folder.as_ref()));
    let set = set.map_err(|error| ConfigError { place: error.file, key: error.key, problem: error.problem, remedy: error.remedy })?;
    let mut views: Vec<Arc<View>> = set.iter().cloned().collect();
    let changes = root.table_of("view")?;
    let names: Vec<String> = views.iter().map(|view| view.name.clone()).collect();
    changes.only(&names.iter().map(String::as_str).collect::<Vec<_>>())?;
    for name in changes.table.keys() {
        let at = changes.table_of(name)?;
        at.only(VIEW_KEYS)?;
        let (interval, timeout, rows) = (at.duration("interval", "")?, at.duration("timeout", "")?, at.positive("max_rows")?);
        match at.table.get("enabled") {
            None | Some(toml::Value::Boolean(true)) => {}
            Some(toml::Value::Boolean(false)) => views.retain(|view| view.name != *name),
            Some(_) => return Err(at.error("enabled", "is neither true nor false", "write true or false")),
        }
        if let Some(view) = views.iter_mut().find(|view| view.name == *name) {
            let view = Arc::make_mut(view);
            view.interval = interval.unwrap_or(view.interval);
            view.timeout = timeout.unwrap_or(view.timeout);
            view.max_rows = rows.unwrap_or(view.max_rows);
        }
    }
    Ok(views)
}
