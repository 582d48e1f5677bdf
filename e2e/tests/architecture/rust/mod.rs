//! The imports between the files of a Rust crate, read from its source.
//!
//! An import is a `use`, or a path in the code, of an item that another file defines. A re-export (`pub use`) is a door: an import through
//! a door is an import of the file behind it. Code under `#[cfg(test)]` is ignored. Methods, and macros by `macro_rules`, are not seen.

mod modules;
mod resolve;
mod tokens;

use std::path::Path;

use anyhow::{Context as _, Result};

use crate::graph::Arrows;
use modules::Modules;

pub(crate) fn arrows(src: &Path) -> Result<Arrows> {
    let mut arrows = Arrows::default();
    for root in ["lib.rs", "main.rs"] {
        if !src.join(root).exists() {
            continue;
        }
        let modules = Modules::read(src, root).with_context(|| format!("read {}", src.join(root).display()))?;
        arrows.files.extend(modules.all.values().map(|module| module.file.clone()));
        for (scope, module) in &modules.all {
            for path in module.imports() {
                if let Some((file, name)) = resolve::item(&modules, scope, path) {
                    arrows.add(&module.file, file, name);
                }
            }
        }
    }
    Ok(arrows)
}
