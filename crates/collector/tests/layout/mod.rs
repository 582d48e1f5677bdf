//! The rooms of `src` import downwards only.

use std::path::{Path, PathBuf};

/// From top to bottom; `lib.rs` says what each is for.
const ROOMS: [&str; 9] = ["operate", "find", "read", "delta", "ship", "config", "connect", "registry", "clock"];

#[test]
fn each_room_imports_only_rooms_below_it() -> anyhow::Result<()> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut upwards = Vec::new();
    for file in sources(&src)? {
        let place = file.strip_prefix(&src)?;
        let room = place.iter().next().and_then(|first| first.to_str()).unwrap_or_default().trim_end_matches(".rs");
        if matches!(room, "lib" | "main") {
            continue;
        }
        let Some(floor) = ROOMS.iter().position(|known| *known == room) else { anyhow::bail!("{room} is in no order: add it to ROOMS") };
        let text = std::fs::read_to_string(&file)?;
        for import in imports(&text) {
            if ROOMS[..floor].contains(&import) {
                upwards.push(format!("{}: crate::{import}", place.display()));
            }
        }
    }
    assert!(upwards.is_empty(), "these imports point upwards:\n{}", upwards.join("\n"));
    Ok(())
}

/// Every Rust file below a folder.
fn sources(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(sources(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    Ok(found)
}

/// The rooms that a file names: `crate::room::…` and `crate::{room, …}`.
fn imports(text: &str) -> Vec<&str> {
    let of = |rest: &'_ str| rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
    text.split("crate::")
        .skip(1)
        .flat_map(|rest| match rest.strip_prefix('{') {
            Some(group) => group.split('}').next().unwrap_or_default().split(',').map(str::trim).collect(),
            None => vec![rest],
        })
        .map(|import| &import[..of(import)])
        .collect()
}
