//! All views of a process: the built-in ones and the user's own.

use std::path::Path;
use std::sync::Arc;

use crate::definition::{DefinitionError, Tier, View, parse};
use crate::rollup::rollup;

/// Tables that the backend computes from what collectors ship.
const MADE: &[(&str, &str)] = &[
    ("pganalytics_fleet.toml", include_str!("fleet/pganalytics_fleet.toml")),
    ("pganalytics_fleet_minutes.toml", include_str!("fleet/pganalytics_fleet_minutes.toml")),
];

const BUILTIN: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/builtin.rs"));

/// All views, their rollups, and the tables that the backend computes. Each list is sorted by name.
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
    /// Never in a built binary: the build script has checked the same files.
    pub fn builtin() -> Result<Self, DefinitionError> {
        Self::from_files(BUILTIN.iter().map(|(file, text)| ((*file).to_owned(), (*text).to_owned())))
    }

    /// The built-in views and the views in a folder. A name that exists already is an error.
    ///
    /// # Errors
    /// The first file that cannot be read or has an error.
    pub fn with_folder(folder: &Path) -> Result<Self, DefinitionError> {
        let unreadable = |error: std::io::Error, remedy: &str| DefinitionError {
            file: folder.display().to_string(),
            key: "(folder)".into(),
            problem: format!("cannot be read: {error}"),
            remedy: remedy.into(),
        };
        let mut paths = std::fs::read_dir(folder)
            .and_then(|entries| entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>())
            .map_err(|error| unreadable(error, "give a folder of *.toml files that this user may read"))?;
        paths.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
        paths.sort();
        let mut files: Vec<_> = BUILTIN.iter().map(|(file, text)| ((*file).to_owned(), (*text).to_owned())).collect();
        for path in paths {
            let text = std::fs::read_to_string(&path).map_err(|error| unreadable(error, "make its files readable"))?;
            files.push((path.display().to_string(), text));
        }
        Self::from_files(files)
    }

    /// Parses each `(file name, text)`.
    ///
    /// # Errors
    /// The first definition with an error, or with a name that exists already.
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
                    problem: format!("a view '{}' exists already", view.name),
                    remedy: "choose another name".into(),
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
                        problem: format!("the view's rollup '{}' has the same name as another view", rollup.name),
                        remedy: "choose another name".into(),
                    });
                }
                let names = || rollup.columns.iter().map(|column| &column.name);
                if let Some((_, name)) = names().enumerate().find(|(i, name)| names().take(*i).any(|earlier| earlier == *name)) {
                    return Err(DefinitionError {
                        file: file.clone(),
                        key: "columns".into(),
                        problem: format!("column '{name}' has the same name as a column that the rollup '{}' adds", rollup.name),
                        remedy: "choose another name".into(),
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

    /// The tables that the backend computes, apart from rollups.
    pub fn made(&self) -> impl ExactSizeIterator<Item = &Arc<View>> {
        self.made.iter()
    }

    /// All tables of SQL, sorted by name: the views, their rollups, and the tables that the backend computes.
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

    /// The views, sorted by name.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Arc<View>> {
        self.views.iter()
    }
}
