//! The imports between the files of a TypeScript project, read from its source. Tests are left out.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use crate::graph::Arrows;
use crate::sizes::files_under;

/// What an import may leave out at the end of a path.
const ENDINGS: [&str; 4] = ["", ".ts", ".tsx", "/index.ts"];
/// Files that the build makes. They import nothing.
const GENERATED: [&str; 1] = ["api/schema"];

pub(crate) fn arrows(src: &Path) -> Result<Arrows> {
    let mut arrows = Arrows::default();
    let is_source = |file: &str| (file.ends_with(".ts") || file.ends_with(".tsx")) && !file.contains(".test.") && !file.ends_with(".d.ts");
    arrows.files = files_under(src, &[])?.into_iter().filter(|file| is_source(file)).collect();
    for file in arrows.files.clone() {
        let text = std::fs::read_to_string(src.join(&file)).with_context(|| format!("read {file}"))?;
        for import in imports(&text) {
            if let Some(imported) = resolve(&arrows.files, &file, import)? {
                arrows.add(&file, &imported, "an export");
            }
        }
    }
    Ok(arrows)
}

/// The relative paths that a file imports: `from "./a"`, `import "./a"`, `import("./a")`.
fn imports(text: &str) -> impl Iterator<Item = &str> {
    ["from \"", "import \"", "import(\""].into_iter().flat_map(move |opening| {
        text.match_indices(opening)
            .filter_map(move |(at, _)| text[at + opening.len()..].split('"').next())
            .filter(|path| path.starts_with('.'))
    })
}

/// The file of an import. `None` for style sheets and generated files.
fn resolve(files: &BTreeSet<String>, from: &str, import: &str) -> Result<Option<String>> {
    let mut path = PathBuf::from(from);
    path.pop();
    for part in Path::new(import).components() {
        match part {
            Component::ParentDir => drop(path.pop()),
            Component::Normal(part) => path.push(part),
            _ => {}
        }
    }
    let path = path.to_string_lossy().replace('\\', "/");
    if path.ends_with(".css") || GENERATED.contains(&path.as_str()) {
        return Ok(None);
    }
    match ENDINGS.iter().map(|ending| format!("{path}{ending}")).find(|file| files.contains(file)) {
        Some(file) => Ok(Some(file)),
        None => bail!("{from} imports {import}, which is no source file"),
    }
}
