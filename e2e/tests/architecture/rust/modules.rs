//! The modules of a crate: which file each is in, which names it binds, and which paths it uses.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use proc_macro2::TokenStream;

use super::tokens::{self, Found};

/// A path in the source, one name each.
pub(super) type Names = Vec<String>;

#[derive(Debug, Default)]
pub(super) struct Modules {
    /// By path from the crate's root.
    pub(super) all: BTreeMap<Names, Module>,
}

#[derive(Debug, Default)]
pub(super) struct Module {
    /// The file, relative to `src`.
    pub(super) file: String,
    /// The names that `use` binds, with their paths.
    pub(super) bound: BTreeMap<String, Names>,
    /// The paths of `use …::*`.
    pub(super) globs: Vec<Names>,
    /// The names of the items that are defined here.
    pub(super) defined: BTreeSet<String>,
    /// The paths of all `use`s but re-exports, and of all paths in the code.
    paths: Vec<Names>,
    /// Re-exports, by name. They are imports of their own only if the module uses the name itself.
    doors: BTreeMap<String, Names>,
    /// The plain names in the code.
    mentioned: BTreeSet<String>,
}

impl Module {
    /// The paths that this module imports.
    pub(super) fn imports(&self) -> impl Iterator<Item = &Names> {
        let used_doors = self.doors.iter().filter(|(name, _)| self.mentioned.contains(*name));
        self.paths.iter().chain(used_doors.map(|(_, path)| path))
    }
}

impl Modules {
    pub(super) fn read(src: &Path, root: &str) -> Result<Self> {
        let mut modules = Self::default();
        modules.file(src, root, Names::new(), "")?;
        Ok(modules)
    }

    /// Reads a file as the module of this path. The modules it declares are in `folder`.
    fn file(&mut self, src: &Path, file: &str, path: Names, folder: &str) -> Result<()> {
        let text = std::fs::read_to_string(src.join(file)).with_context(|| format!("read {file}"))?;
        let tokens: TokenStream = text.parse().map_err(|error| anyhow::anyhow!("{file} is not Rust: {error}"))?;
        let mut declared = Vec::new();
        self.scope(tokens, file, path, folder, &mut declared);
        for (path, folder, name) in declared {
            let (plain, nested) = (format!("{folder}{name}.rs"), format!("{folder}{name}/mod.rs"));
            let inner = format!("{folder}{name}/");
            match (src.join(&plain).exists(), src.join(&nested).exists()) {
                (true, false) => self.file(src, &plain, path, &inner)?,
                (false, true) => self.file(src, &nested, path, &inner)?,
                _ => bail!("{file} declares module {name}: expected {plain} or {nested}"),
            }
        }
        Ok(())
    }

    /// Reads the tokens of a module, and of the modules inside it. Modules in other files are added to `declared`.
    fn scope(&mut self, tokens: TokenStream, file: &str, path: Names, folder: &str, declared: &mut Vec<(Names, String, String)>) {
        let mut module = Module { file: file.to_owned(), ..Module::default() };
        for found in tokens::read(tokens) {
            match found {
                Found::Declared(name) => declared.push((child(&path, &name), folder.to_owned(), name)),
                Found::Inline(name, tokens) => {
                    self.scope(tokens, file, child(&path, &name), &format!("{folder}{name}/"), declared);
                }
                Found::Glob(path) => module.globs.push(path),
                Found::Use { path, name, door } => {
                    if let Some(name) = &name {
                        module.bound.insert(name.clone(), path.clone());
                    }
                    match name {
                        Some(name) if door => drop(module.doors.insert(name, path)),
                        _ => module.paths.push(path),
                    }
                }
                Found::Path(path) => module.paths.push(path),
                Found::Defined(name) => drop(module.defined.insert(name)),
                Found::Mentioned(name) => drop(module.mentioned.insert(name)),
            }
        }
        self.all.insert(path, module);
    }
}

/// The path of a module inside another.
pub(super) fn child(path: &[String], name: &str) -> Names {
    path.iter().cloned().chain([name.to_owned()]).collect()
}
