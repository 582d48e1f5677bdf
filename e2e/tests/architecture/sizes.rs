//! No source file is too long to be read in one sitting.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};

use crate::root;
use crate::table::{Sizes, Table};

/// The endings of source files.
const SOURCES: [&str; 10] = [".css", ".html", ".js", ".mjs", ".py", ".rs", ".sh", ".tpl", ".ts", ".tsx"];
/// Folders with source files, and those inside them that hold others' files or built ones.
const FOLDERS: [&str; 8] = ["bench", "crates", "e2e", "helm", "scripts", "tools", "ui/scripts", "ui/src"];
const FOREIGN: [&str; 4] = ["__pycache__", "dist", "node_modules", "target"];
/// A file that the UI's build writes, and git ignores.
const BUILT: &str = "ui/src/api/schema.d.ts";

#[test]
fn no_source_file_is_too_long() -> Result<()> {
    let table = Table::read(&root().join("e2e/tests/architecture/rooms.toml"))?;
    let mut problems = Vec::new();
    for folder in FOLDERS {
        problems.extend(too_long(&root(), folder, &table.sizes)?);
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    for (file, generator) in &table.sizes.generated {
        ensure!(root().join(file).exists(), "rooms.toml excepts {file} ({generator}), which does not exist");
    }
    Ok(())
}

/// The source files of a folder that have more lines than the limit.
pub(crate) fn too_long(root: &Path, folder: &str, sizes: &Sizes) -> Result<Vec<String>> {
    let mut problems = Vec::new();
    for file in files_under(&root.join(folder), &FOREIGN)? {
        let path = format!("{folder}/{file}");
        let is_source = SOURCES.iter().any(|ending| file.ends_with(ending));
        if !is_source || path == BUILT || sizes.generated.contains_key(&path) {
            continue;
        }
        let lines = std::fs::read_to_string(root.join(&path)).with_context(|| format!("read {path}"))?.lines().count();
        if lines > sizes.limit {
            problems.push(format!("{path} has {lines} lines; the limit is {}: split it into files of one thought each", sizes.limit));
        }
    }
    Ok(problems)
}

/// All files under a folder, relative to it, with `/`.
pub(crate) fn files_under(folder: &Path, without: &[&str]) -> Result<Vec<String>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(|| format!("read {}", folder.display()))? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.file_type()?.is_dir() {
            if !without.contains(&name.as_str()) {
                files.extend(files_under(&entry.path(), without)?.into_iter().map(|file| format!("{name}/{file}")));
            }
        } else {
            files.push(name);
        }
    }
    Ok(files)
}
