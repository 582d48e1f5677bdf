//! The rooms of the crate: a room uses only rooms that stand below it, and no files of a room use each other in a circle.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// From top to bottom; rooms of one floor do not use each other.
const FLOORS: [&[&str]; 9] = [
    &["lake"],
    &["options"],
    &["query", "maintain"],
    &["write"],
    &["present"],
    &["catalog", "parquet"],
    &["store", "decode", "rollup"],
    &["meta", "model"],
    &["threads"],
];

/// What each entry of a folder (a file, or a folder in it) uses of the others.
type Uses = BTreeMap<String, BTreeSet<String>>;

fn entries(folder: &Path) -> Vec<PathBuf> {
    let mut entries: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    entries
}

fn stem(path: &Path) -> String {
    path.file_stem().unwrap().to_string_lossy().into_owned()
}

/// The code of a file, or of a folder's files, with how many folders below `folder` each stands.
fn codes(path: &Path, depth: usize) -> Vec<(usize, String)> {
    if path.is_dir() {
        return entries(path).iter().flat_map(|entry| codes(entry, depth + 1)).collect();
    }
    let text = std::fs::read_to_string(path).unwrap();
    let code: Vec<&str> = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
    vec![(depth, code.join("\n"))]
}

/// The names that follow a path's beginning: `crate::`, or `super::` so many times.
fn named(code: &str, beginning: &str) -> BTreeSet<String> {
    let starts =
        code.match_indices(beginning).filter(|(at, _)| !code[..*at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':'));
    starts.map(|(at, _)| code[at + beginning.len()..].chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()).collect()
}

/// The first circle, if there is one.
fn circle(uses: &Uses) -> Option<Vec<String>> {
    fn follow(uses: &Uses, way: &mut Vec<String>, done: &mut BTreeSet<String>) -> bool {
        let last = way[way.len() - 1].clone();
        for next in &uses[&last] {
            if way.contains(next) {
                way.push(next.clone());
                return true;
            }
            if !done.contains(next) {
                way.push(next.clone());
                if follow(uses, way, done) {
                    return true;
                }
                way.pop();
            }
        }
        done.insert(last);
        false
    }
    let mut done = BTreeSet::new();
    uses.keys().find_map(|start| {
        let mut way = vec![start.clone()];
        follow(uses, &mut way, &mut done).then_some(way)
    })
}

/// Looks at a folder, and at those in it.
fn assert_no_circle(folder: &Path) {
    let all = entries(folder);
    let names: BTreeSet<String> = all.iter().map(|entry| stem(entry)).filter(|name| name != "mod").collect();
    let uses: Uses = all
        .iter()
        .filter(|entry| stem(entry) != "mod")
        .map(|entry| {
            let name = stem(entry);
            let used = codes(entry, 0).into_iter().flat_map(|(depth, code)| named(&code, &"super::".repeat(depth + 1)));
            let used = used.filter(|used| names.contains(used) && *used != name).collect();
            (name, used)
        })
        .collect();
    assert_eq!(circle(&uses), None, "files of {} use each other in a circle", folder.display());
    for inner in all.iter().filter(|entry| entry.is_dir()) {
        assert_no_circle(inner);
    }
}

#[test]
fn a_room_uses_only_rooms_below_it_and_no_files_use_each_other_in_a_circle() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let floor = |room: &str| FLOORS.iter().position(|rooms| rooms.contains(&room));
    for entry in entries(&source) {
        let room = stem(&entry);
        if room == "lib" {
            continue;
        }
        let stands = floor(&room).unwrap_or_else(|| panic!("the room '{room}' stands on no floor"));
        for (_, code) in codes(&entry, 0) {
            for used in named(&code, "crate::") {
                if let Some(floor) = floor(&used) {
                    assert!(stands < floor, "'{room}' uses '{used}', which does not stand below it");
                }
            }
        }
        if entry.is_dir() {
            assert_no_circle(&entry);
        }
    }
}

#[test]
fn a_circle_is_found() {
    let uses = |pairs: &[(&str, &[&str])]| -> Uses {
        pairs.iter().map(|(name, used)| ((*name).to_owned(), used.iter().map(|name| (*name).to_owned()).collect())).collect()
    };
    assert_eq!(circle(&uses(&[("a", &["b", "c"]), ("b", &["c"]), ("c", &[])])), None);
    assert_eq!(circle(&uses(&[("a", &["b"]), ("b", &["c"]), ("c", &["b"])])), Some(["a", "b", "c", "b"].map(String::from).to_vec()));
    assert_eq!(named("use crate::meta::Meta; $crate::x; mycrate::y", "crate::"), BTreeSet::from(["meta".into(), "x".into()]));
}
