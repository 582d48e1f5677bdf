//! Reads `rooms.toml`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context as _, Result};
use serde::Deserialize;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Table {
    pub(crate) sizes: Sizes,
    /// The crates, by name.
    #[serde(rename = "house")]
    pub(crate) houses: BTreeMap<String, House>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Sizes {
    /// The most lines of a source file.
    pub(crate) limit: usize,
    /// Generated files, by path, with what generates them.
    pub(crate) generated: BTreeMap<String, String>,
}

/// A crate.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct House {
    /// The folder with its source files.
    pub(crate) src: String,
    /// By room, the rooms that it may use.
    pub(crate) rooms: BTreeMap<String, BTreeSet<String>>,
}

impl Table {
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| format!("read {}", path.display()))?;
        toml::from_str(&text).with_context(|| format!("parse {}", path.display()))
    }
}
