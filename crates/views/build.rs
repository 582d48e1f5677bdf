//! Checks every `views/*.toml` at build time and lists them for `include_str!`, so that a binary carries only good ones.

use std::fmt::Write as _;
use std::path::Path;

#[expect(dead_code, unreachable_pub, unused_imports, reason = "the build script needs the parser, not the methods of its result")]
#[path = "src/definition/mod.rs"]
mod definition;

fn main() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../views");
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut files: Vec<_> = std::fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("read {}: {error}", folder.display()))
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .collect();
    files.sort();
    let mut list = String::from("&[\n");
    for path in files {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("read {}: {error}", path.display()));
        if let Err(error) = definition::parse(&format!("views/{name}"), &text) {
            panic!("{error}");
        }
        let _ = writeln!(list, "    (\"views/{name}\", include_str!({path:?})),");
    }
    list.push(']');
    let out = std::env::var_os("OUT_DIR").unwrap_or_default();
    std::fs::write(Path::new(&out).join("builtin.rs"), list).unwrap_or_else(|error| panic!("write the list of views: {error}"));
}
