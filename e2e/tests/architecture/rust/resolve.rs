//! Finds the file that defines the item of a path.

use super::modules::{Modules, Names, child};

/// No chain of re-exports is so long. A name that is bound to itself would be followed for ever.
const MAX_DEPTH: usize = 32;

/// The file that defines an item, and the item's name. `None` for modules, and for items of other crates.
pub(super) fn item<'a>(modules: &'a Modules, scope: &Names, path: &Names) -> Option<(&'a str, &'a str)> {
    let (module, name) = find(modules, scope, path, 0)?;
    let module = modules.all.get(&module)?;
    let name = module.defined.get(&name?).map_or("*", String::as_str);
    Some((&module.file, name))
}

/// The module and the name that a path means, seen from a scope. The name is `None` if the path is a module.
fn find(modules: &Modules, scope: &[String], path: &[String], depth: usize) -> Option<(Names, Option<String>)> {
    let (first, rest) = path.split_first()?;
    if depth > MAX_DEPTH {
        return None;
    }
    match first.as_str() {
        "crate" => within(modules, Names::new(), rest, depth),
        "self" => within(modules, scope.to_vec(), rest, depth),
        "super" => {
            let (_, parent) = scope.split_last()?;
            // super::super continues from the parent.
            if rest.first().is_some_and(|next| next == "super") {
                find(modules, parent, rest, depth)
            } else {
                within(modules, parent.to_vec(), rest, depth)
            }
        }
        _ => {
            let child = child(scope, first);
            if modules.all.contains_key(&child) {
                return within(modules, child, rest, depth);
            }
            let bound = modules.all.get(scope)?.bound.get(first)?;
            find(modules, scope, &[bound, rest].concat(), depth + 1)
        }
    }
}

/// Follows a path that begins in a module.
fn within(modules: &Modules, mut at: Names, mut path: &[String], depth: usize) -> Option<(Names, Option<String>)> {
    while let Some((next, rest)) = path.split_first() {
        let child = child(&at, next);
        if modules.all.contains_key(&child) {
            (at, path) = (child, rest);
            continue;
        }
        let module = modules.all.get(&at)?;
        if module.defined.contains(next) {
            return Some((at, Some(next.clone())));
        }
        if let Some(bound) = module.bound.get(next) {
            return find(modules, &at, &[bound, rest].concat(), depth + 1);
        }
        let of_globs = module.globs.iter().filter_map(|glob| find(modules, &at, &[&glob[..], path].concat(), depth + 1));
        let defined = |found: &(Names, Option<String>)| {
            found.1.as_ref().is_some_and(|name| modules.all.get(&found.0).is_some_and(|module| module.defined.contains(name)))
        };
        return of_globs.into_iter().find(defined).or(Some((at, Some(next.clone()))));
    }
    Some((at, None))
}
