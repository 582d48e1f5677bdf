//! The checks find what they should: each test plants a small crate with one fault.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use tempfile::TempDir;

use crate::graph::Arrows;
use crate::table::{House, Sizes};
use crate::{check, rust, sizes};

/// A folder with these files.
fn planted(files: &[(&str, &str)]) -> Result<TempDir> {
    let folder = tempfile::tempdir()?;
    for (file, text) in files {
        let path = folder.path().join(file);
        std::fs::create_dir_all(path.parent().unwrap_or(folder.path()))?;
        std::fs::write(path, text)?;
    }
    Ok(folder)
}

fn house(rooms: &[(&str, &[&str])]) -> House {
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
    let rooms: BTreeMap<_, _> = rooms.iter().map(|(room, uses)| ((*room).to_owned(), names(uses))).collect();
    House { src: String::new(), rooms }
}

/// `from -> to: names` of each import.
fn shown(arrows: &Arrows) -> Vec<String> {
    let shown = |((from, to), names): (&(String, String), &BTreeSet<String>)| {
        format!("{from} -> {to}: {}", names.iter().cloned().collect::<Vec<_>>().join(", "))
    };
    arrows.arrows.iter().map(shown).collect()
}

#[track_caller]
fn rust_arrows(files: &[(&str, &str)]) -> Vec<String> {
    let folder = planted(files).expect("a crate");
    shown(&rust::arrows(folder.path()).expect("a crate that can be read"))
}

#[test]
fn a_circle_of_files_is_found_with_the_names_that_tie_it() -> Result<()> {
    let folder = planted(&[
        ("lib.rs", "mod a; mod b; mod c;"),
        ("a.rs", "use crate::b::B; pub struct A(B);"),
        ("b.rs", "pub struct B; impl B { fn f(&self) -> crate::c::C { crate::c::C } }"),
        ("c.rs", "pub struct C; fn g(_: super::a::A) {}"),
    ])?;
    let all = house(&[("a", &["b"]), ("b", &["c"]), ("c", &[])]);
    let problems = check::problems(&all, &rust::arrows(folder.path())?);
    let expected = "circle of files: a.rs, b.rs, c.rs\n  a.rs uses B of b.rs\n  b.rs uses C of c.rs\n  c.rs uses A of a.rs";
    assert_eq!(problems, [expected, "forbidden: c.rs uses A of a.rs, but room c may not use room a"]);
    Ok(())
}

#[test]
fn a_forbidden_arrow_is_found_and_an_allowed_one_is_not() -> Result<()> {
    let folder = planted(&[
        ("lib.rs", "mod api; mod store; use store::Store; fn open(_: Store) {}"),
        ("api/mod.rs", "pub mod users;"),
        ("api/users.rs", "use crate::store::{self, Store}; fn f(_: Store) { store::read() }"),
        ("store.rs", "pub struct Store; pub fn read() {}"),
    ])?;
    let arrows = rust::arrows(folder.path())?;
    assert!(check::problems(&house(&[("api", &["store"]), ("store", &[])]), &arrows).is_empty());
    let problems = check::problems(&house(&[("api", &[]), ("store", &["api"])]), &arrows);
    assert_eq!(problems, ["forbidden: api/users.rs uses Store, read of store.rs, but room api may not use room store"]);
    Ok(())
}

#[test]
fn rooms_and_rows_belong_together() -> Result<()> {
    let folder = planted(&[("lib.rs", "mod a; mod b;"), ("a.rs", ""), ("b.rs", "")])?;
    let problems = check::problems(&house(&[("a", &["c"])]), &rust::arrows(folder.path())?);
    let expected =
        ["room b has no row in rooms.toml: add it, with the rooms that it may use", "rooms.toml names room c, which does not exist"];
    assert_eq!(problems, expected);
    let problems = check::problems(&house(&[("a", &["b"]), ("b", &["a"])]), &rust::arrows(folder.path())?);
    assert_eq!(problems, ["circle of rooms in rooms.toml: a, b"]);
    Ok(())
}

#[test]
fn an_import_through_a_re_export_is_an_import_of_the_file_behind_it() {
    let arrows = rust_arrows(&[
        ("lib.rs", "mod auth; mod api; pub use auth::Secret;"),
        ("auth/mod.rs", "mod secret; mod token; pub use secret::Secret; pub(crate) use token::*;"),
        ("auth/secret.rs", "pub struct Secret;"),
        ("auth/token.rs", "use super::Secret; pub struct Token(Secret);"),
        ("api.rs", "use crate::auth::{self, Token as T}; fn f(_: T) -> auth::Secret { todo!() }"),
    ]);
    assert_eq!(arrows, ["api.rs -> auth/secret.rs: Secret", "api.rs -> auth/token.rs: Token", "auth/token.rs -> auth/secret.rs: Secret"]);
}

#[test]
fn a_module_that_uses_what_it_re_exports_imports_it() {
    let arrows = rust_arrows(&[
        ("lib.rs", "mod a;"),
        ("a/mod.rs", "mod b; pub use b::{B, C}; pub fn f(b: B) { b.C() }"),
        ("a/b.rs", "pub struct B; pub struct C;"),
    ]);
    assert_eq!(arrows, ["a/mod.rs -> a/b.rs: B"]);
}

#[test]
fn paths_in_macros_attributes_and_inner_modules_count() {
    let arrows = rust_arrows(&[
        ("lib.rs", "mod a; mod b; mod c;"),
        (
            "a.rs",
            "use crate::b; fn f() { log!(target: b::TARGET, \"{}\", [self::inner::g()]) } mod inner { pub fn g() { super::super::c::h() } }",
        ),
        ("b.rs", "pub const TARGET: &str = \"b\";"),
        ("c.rs", "pub const fn h() {}"),
    ]);
    assert_eq!(arrows, ["a.rs -> b.rs: TARGET", "a.rs -> c.rs: h"]);
}

#[test]
fn tests_comments_strings_and_other_crates_do_not_count() {
    let arrows = rust_arrows(&[
        ("lib.rs", "mod a; mod b; #[cfg(test)] mod support;"),
        (
            "a.rs",
            "//! See [`crate::b::B`].\nuse std::sync::Arc; fn f() -> Arc<str> { \"crate::b::B\".into() }\n\
             #[cfg(test)] use crate::b::B;\n#[cfg(test)] mod tests { use crate::b::B; fn g(_: B) {} }\n#[cfg(all(test, unix))] fn h(_: crate::b::B) {}",
        ),
        ("b.rs", "pub struct B;"),
    ]);
    assert!(arrows.is_empty(), "{arrows:?}");
}

#[test]
fn folders_that_use_each_other_are_found_without_a_circle_of_files() -> Result<()> {
    let folder = planted(&[
        ("lib.rs", "mod api;"),
        ("api/mod.rs", "mod read; mod write;"),
        ("api/read/mod.rs", "mod one; mod two;"),
        ("api/read/one.rs", "use crate::api::write::three::f; fn g() { f() }"),
        ("api/read/two.rs", "pub fn h() {}"),
        ("api/write/mod.rs", "pub mod three; mod four;"),
        ("api/write/three.rs", "pub fn f() {}"),
        ("api/write/four.rs", "fn i() { super::super::read::two::h() }"),
    ])?;
    let problems = check::problems(&house(&[("api", &[])]), &rust::arrows(folder.path())?);
    let expected =
        "circle in folder api: read, write\n  api/read/one.rs uses f of api/write/three.rs\n  api/write/four.rs uses h of api/read/two.rs";
    assert_eq!(problems, [expected]);
    Ok(())
}

#[test]
fn a_file_above_the_limit_is_found_unless_it_is_generated() -> Result<()> {
    let folder =
        planted(&[("src/long.rs", "\n\n\n\n"), ("src/short.rs", "\n"), ("src/data.toml", "\n\n\n\n"), ("src/target/made.rs", "\n\n\n\n")])?;
    let mut sizes = Sizes { limit: 3, generated: BTreeMap::new() };
    let problems = sizes::too_long(folder.path(), "src", &sizes)?;
    assert_eq!(problems, ["src/long.rs has 4 lines; the limit is 3: split it into files of one thought each"]);
    sizes.generated.insert("src/long.rs".into(), "a generator".into());
    assert!(sizes::too_long(folder.path(), "src", &sizes)?.is_empty());
    Ok(())
}
