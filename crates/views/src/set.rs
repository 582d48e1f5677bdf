//! The views a process knows: those it was built with, and the user's own.

use std::path::Path;
use std::sync::Arc;

use crate::definition::{DefinitionError, Tier, View, parse};
use crate::rollup::rollup;

/// Tables that the backend makes itself, of what collectors ship.
const MADE: &[(&str, &str)] = &[
    ("pganalytics_fleet.toml", include_str!("fleet/pganalytics_fleet.toml")),
    ("pganalytics_fleet_minutes.toml", include_str!("fleet/pganalytics_fleet_minutes.toml")),
];

const BUILTIN: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/builtin.rs"));

/// All known views, their rollups, and the tables that the backend makes, each by name in order.
#[derive(Debug, Clone)]
pub struct ViewSet {
    views: Vec<Arc<View>>,
    rollups: Vec<Arc<View>>,
    made: Vec<Arc<View>>,
}

impl ViewSet {
    /// The views of `views/*.toml`.
    ///
    /// # Errors
    /// None in a binary that was built, since the build checks the same files; the check is repeated at start all the same.
    pub fn builtin() -> Result<Self, DefinitionError> {
        Self::from_files(BUILTIN.iter().map(|(file, text)| ((*file).to_owned(), (*text).to_owned())))
    }

    /// The built-in views and those in a folder of the user's; a name that is taken is an error.
    ///
    /// # Errors
    /// The first file that cannot be read or is wrong.
    pub fn with_folder(folder: &Path) -> Result<Self, DefinitionError> {
        let unreadable = |error: std::io::Error, remedy: &str| DefinitionError {
            file: folder.display().to_string(),
            key: "(folder)".into(),
            problem: format!("cannot be read: {error}"),
            remedy: remedy.into(),
        };
        let mut paths = std::fs::read_dir(folder)
            .and_then(|entries| entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>())
            .map_err(|error| unreadable(error, "name a folder of *.toml files that this user may read"))?;
        paths.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
        paths.sort();
        let mut files: Vec<_> = BUILTIN.iter().map(|(file, text)| ((*file).to_owned(), (*text).to_owned())).collect();
        for path in paths {
            let text = std::fs::read_to_string(&path).map_err(|error| unreadable(error, "make its files readable"))?;
            files.push((path.display().to_string(), text));
        }
        Self::from_files(files)
    }

    /// Parses each `(file, text)`.
    ///
    /// # Errors
    /// The first definition that is wrong, or the second of a name.
    pub fn from_files(files: impl IntoIterator<Item = (String, String)>) -> Result<Self, DefinitionError> {
        let mut views: Vec<Arc<View>> = Vec::new();
        let mut files_of = Vec::new();
        let made = MADE.iter().map(|(file, text)| Ok(Arc::new(parse(file, text)?))).collect::<Result<Vec<_>, _>>()?;
        for (file, text) in files {
            let view = parse(&file, &text)?;
            if views.iter().chain(&made).any(|known| known.name == view.name) {
                return Err(DefinitionError {
                    file,
                    key: "name".into(),
                    problem: format!("a view '{}' is known already", view.name),
                    remedy: "choose another name for yours".into(),
                });
            }
            files_of.push(file);
            views.push(Arc::new(view));
        }
        let mut rollups: Vec<Arc<View>> = Vec::new();
        for (file, view) in files_of.iter().zip(&views) {
            for tier in Tier::ALL {
                let Some(rollup) = rollup(view, tier) else { continue };
                if views.iter().any(|known| known.name == rollup.name) {
                    return Err(DefinitionError {
                        file: file.clone(),
                        key: "name".into(),
                        problem: format!("the rollup '{}' has the name of another view", rollup.name),
                        remedy: "choose other names".into(),
                    });
                }
                let names = || rollup.columns.iter().map(|column| &column.name);
                if let Some((_, name)) = names().enumerate().find(|(i, name)| names().take(*i).any(|earlier| earlier == *name)) {
                    return Err(DefinitionError {
                        file: file.clone(),
                        key: "columns".into(),
                        problem: format!("column '{name}' has the name of one that the rollup '{}' adds", rollup.name),
                        remedy: "choose another name for it".into(),
                    });
                }
                rollups.push(Arc::new(rollup));
            }
        }
        views.sort_by(|a, b| a.name.cmp(&b.name));
        rollups.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(Self { views, rollups, made })
    }

    /// The rollups of the views.
    pub fn rollups(&self) -> impl ExactSizeIterator<Item = &Arc<View>> {
        self.rollups.iter()
    }

    /// The tables that the backend makes itself, beside rollups.
    pub fn made(&self) -> impl ExactSizeIterator<Item = &Arc<View>> {
        self.made.iter()
    }

    /// The tables of SQL: the views, their rollups, and what the backend makes, by name.
    #[must_use]
    pub fn tables(&self) -> Vec<&Arc<View>> {
        let mut tables: Vec<_> = self.views.iter().chain(&self.rollups).chain(&self.made).collect();
        tables.sort_by(|a, b| a.name.cmp(&b.name));
        tables
    }

    /// The view of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Arc<View>> {
        self.views.binary_search_by(|view| view.name.as_str().cmp(name)).ok().map(|i| &self.views[i])
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Arc<View>> {
        self.views.iter()
    }
}
