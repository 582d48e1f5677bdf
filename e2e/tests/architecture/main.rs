//! The architecture: which crate, which room and which file may use which.
//!
//! `rooms.toml` lists the rooms of each crate, and the rooms that each may use. These tests read the imports of every file, and fail on
//! circles between files, on imports between rooms that the table does not allow, and on files that are too long.

mod check;
mod crates;
mod graph;
mod planted;
mod rust;
mod sizes;
mod table;
mod typescript;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};

use graph::Arrows;
use table::{Language, Table};

/// The repository's root.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Checks one crate, or the UI, against its rows in the table.
#[track_caller]
fn check(name: &str) -> Result<()> {
    let table = Table::read(&root().join("e2e/tests/architecture/rooms.toml"))?;
    let house = table.houses.get(name).with_context(|| format!("rooms.toml has no [{name}]"))?;
    let src = root().join(&house.src);
    let arrows: Arrows = match house.language {
        Language::Rust => rust::arrows(&src)?,
        Language::TypeScript => typescript::arrows(&src)?,
    };
    let problems = check::problems(house, &arrows);
    assert!(problems.is_empty(), "{name}:\n{}", problems.join("\n"));
    Ok(())
}

#[test]
fn rooms_of_views() -> Result<()> {
    check("views")
}

#[test]
fn rooms_of_tls() -> Result<()> {
    check("tls")
}

#[test]
fn rooms_of_kubernetes() -> Result<()> {
    check("kubernetes")
}

#[test]
fn rooms_of_collector() -> Result<()> {
    check("collector")
}

#[test]
fn rooms_of_lake() -> Result<()> {
    check("lake")
}

#[test]
fn rooms_of_server() -> Result<()> {
    check("server")
}

#[test]
fn rooms_of_the_binary() -> Result<()> {
    check("pganalytics")
}

#[test]
fn rooms_of_the_ui() -> Result<()> {
    check("ui")
}

#[test]
fn every_crate_has_rooms() -> Result<()> {
    let table = Table::read(&root().join("e2e/tests/architecture/rooms.toml"))?;
    for entry in std::fs::read_dir(root().join("crates"))? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        ensure!(table.houses.contains_key(&name), "crates/{name} has no [{name}] in rooms.toml, and no test here");
    }
    Ok(())
}
