//! Compares the imports of a crate with its rows in the table.

use std::collections::BTreeSet;

use crate::graph::{Arrows, circles};
use crate::table::House;

/// The files at the top of a crate. They may use every room. A room may use them only if its row says so.
const ROOFS: [&str; 2] = ["lib", "main"];

/// Everything that is wrong, one line each.
pub(crate) fn problems(house: &House, arrows: &Arrows) -> Vec<String> {
    let mut problems = Vec::new();
    circles_of_files(arrows, &mut problems);
    circles_in_folders(arrows, &mut problems);
    circles_of_rooms(house, &mut problems);
    rows(house, arrows, &mut problems);
    for ((from, to), names) in &arrows.arrows {
        let (user, used) = (room(from), room(to));
        let allowed = user == used || ROOFS.contains(&user) || house.rooms.get(user).is_some_and(|uses| uses.contains(used));
        if !allowed {
            problems.push(format!("forbidden: {from} uses {} of {to}, but room {user} may not use room {used}", join(names)));
        }
    }
    problems
}

/// The room of a file: its folder or file at the top of `src`.
fn room(file: &str) -> &str {
    file.split(['/', '.']).next().unwrap_or(file)
}

fn circles_of_files(arrows: &Arrows, problems: &mut Vec<String>) {
    for circle in circles(arrows.arrows.keys().map(|(from, to)| (from.as_str(), to.as_str()))) {
        let ties = ties(arrows, |from, to| circle.contains(from) && circle.contains(to));
        problems.push(format!("circle of files: {}\n{ties}", join(&circle)));
    }
}

/// The files and folders of a folder do not use each other in a circle either.
fn circles_in_folders(arrows: &Arrows, problems: &mut Vec<String>) {
    let folders: BTreeSet<&str> = arrows.files.iter().filter_map(|file| Some(file.rsplit_once('/')?.0)).collect();
    for folder in folders {
        // Only entries that are folders can have a circle here which is no circle of files.
        let entries = arrows.arrows.keys().filter_map(|(from, to)| Some((entry(folder, from)?, entry(folder, to)?)));
        for circle in circles(entries.filter(|(from, to)| from != to)) {
            if circle.iter().all(|entry| entry.ends_with(".rs")) {
                continue;
            }
            let inside = |file: &str| entry(folder, file).is_some_and(|entry| circle.contains(entry));
            let ties = ties(arrows, |from, to| inside(from) && inside(to) && entry(folder, from) != entry(folder, to));
            problems.push(format!("circle in folder {folder}: {}\n{ties}", join(&circle)));
        }
    }
}

/// The entry of a folder that a file is, or is in.
fn entry<'a>(folder: &str, file: &'a str) -> Option<&'a str> {
    file.strip_prefix(folder)?.strip_prefix('/')?.split('/').next()
}

/// The imports between some files, one line each.
fn ties(arrows: &Arrows, between: impl Fn(&str, &str) -> bool) -> String {
    let ties = arrows.arrows.iter().filter(|((from, to), _)| between(from, to));
    ties.map(|((from, to), names)| format!("  {from} uses {} of {to}", join(names))).collect::<Vec<_>>().join("\n")
}

fn circles_of_rooms(house: &House, problems: &mut Vec<String>) {
    let uses = house.rooms.iter().flat_map(|(room, uses)| uses.iter().map(move |used| (room.as_str(), used.as_str())));
    for circle in circles(uses) {
        problems.push(format!("circle of rooms in rooms.toml: {}", join(&circle)));
    }
}

/// Each room has a row, and each row has a room.
fn rows(house: &House, arrows: &Arrows, problems: &mut Vec<String>) {
    let rooms: BTreeSet<&str> = arrows.files.iter().map(|file| room(file)).filter(|room| !ROOFS.contains(room)).collect();
    for room in &rooms {
        if !house.rooms.contains_key(*room) {
            problems.push(format!("room {room} has no row in rooms.toml: add it, with the rooms that it may use"));
        }
    }
    for room in house.rooms.keys().chain(house.rooms.values().flatten()) {
        if !rooms.contains(room.as_str()) && !ROOFS.contains(&room.as_str()) {
            problems.push(format!("rooms.toml names room {room}, which does not exist"));
        }
    }
}

fn join<T: AsRef<str>>(names: &BTreeSet<T>) -> String {
    names.iter().map(AsRef::as_ref).collect::<Vec<_>>().join(", ")
}
