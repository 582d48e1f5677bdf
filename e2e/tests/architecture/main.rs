//! The architecture: which crate, which room and which file may use which.
//!
//! `rooms.toml` lists the rooms of each crate, and the rooms that each may use. These tests read the imports of every file, and fail on
//! circles between files and folders, on imports between rooms that the table does not allow, and on files that are too long. The UI has a
//! test of its own, `ui/src/rooms.test.ts`.

mod check;
mod crates;
mod graph;
mod planted;
mod rust;
mod sizes;
mod table;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};

use table::Table;

/// The repository's root.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Checks a crate against its rows in the table.
#[track_caller]
fn check(name: &str) -> Result<()> {
    let table = Table::read(&root().join("e2e/tests/architecture/rooms.toml"))?;
    let house = table.houses.get(name).with_context(|| format!("rooms.toml has no [{name}]"))?;
    let problems = check::problems(house, &rust::arrows(&root().join(&house.src))?);
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
fn rooms_of_the_harness() -> Result<()> {
    check("e2e")
}

#[test]
fn rooms_of_the_benches() -> Result<()> {
    check("bench")?;
    check("fleet")
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
