//! Reads the tokens of a module: its `use`s, its paths, its items and the modules it declares.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

use super::modules::Names;

/// Something that a module's tokens say.
pub(super) enum Found {
    /// `mod name;`
    Declared(String),
    /// `mod name { … }`
    Inline(String, TokenStream),
    /// `use path::*`
    Glob(Names),
    /// `use path as name`; a door is `pub use`. `as _` has no name.
    Use { path: Names, name: Option<String>, door: bool },
    /// `a::b` in the code.
    Path(Names),
    /// The name of an item.
    Defined(String),
    /// A plain name in the code.
    Mentioned(String),
}

/// Keywords before the name of an item.
const ITEMS: [&str; 8] = ["const", "enum", "fn", "static", "struct", "trait", "type", "union"];

pub(super) fn read(tokens: TokenStream) -> Vec<Found> {
    let mut found = Vec::new();
    code(&tokens.into_iter().collect::<Vec<_>>(), true, &mut found);
    found
}

/// Reads tokens. Only the items at the top of a module belong to the module; those inside a function or an `impl` do not.
fn code(tokens: &[TokenTree], top: bool, found: &mut Vec<Found>) {
    let mut at = 0;
    while at < tokens.len() {
        at = match &tokens[at] {
            TokenTree::Punct(punct) if punct.as_char() == '#' && is_test_only(tokens.get(at + 1)) => after_item(tokens, at + 2),
            TokenTree::Group(group) => {
                code(&inside(group), false, found);
                at + 1
            }
            TokenTree::Ident(ident) => match (ident.to_string().as_str(), tokens.get(at + 1)) {
                ("use", Some(_)) => {
                    let door = at > 0 && is_visibility(tokens, at - 1);
                    let end = at + tokens[at..].iter().position(|token| is_punct(token, ';')).unwrap_or(tokens.len() - at);
                    use_tree(&tokens[at + 1..end], &Names::new(), door, found);
                    end + 1
                }
                ("mod", Some(TokenTree::Ident(name))) => {
                    match tokens.get(at + 2) {
                        Some(TokenTree::Group(group)) => found.push(Found::Inline(name.to_string(), group.stream())),
                        _ => found.push(Found::Declared(name.to_string())),
                    }
                    at + 3
                }
                (keyword, Some(TokenTree::Ident(name))) if top && ITEMS.contains(&keyword) && *name != "fn" => {
                    found.push(Found::Defined(name.to_string()));
                    at + 2
                }
                _ => path(tokens, at, found),
            },
            _ => at + 1,
        };
    }
}

/// Reads a path, or a plain name, that begins at `at`. Returns the place behind it.
fn path(tokens: &[TokenTree], at: usize, found: &mut Vec<Found>) -> usize {
    let mut names = vec![tokens[at].to_string()];
    let mut end = at + 1;
    while let (Some(true), Some(true), Some(TokenTree::Ident(name))) =
        (tokens.get(end).map(|token| is_punct(token, ':')), tokens.get(end + 1).map(|token| is_punct(token, ':')), tokens.get(end + 2))
    {
        names.push(name.to_string());
        end += 3;
    }
    let continues_path = at > 0 && (is_punct(&tokens[at - 1], ':') && at > 1 && is_punct(&tokens[at - 2], ':'));
    let is_member = at > 0 && is_punct(&tokens[at - 1], '.');
    if continues_path || is_member {
        return end;
    }
    match <[String; 1]>::try_from(names) {
        Ok([name]) => found.push(Found::Mentioned(name)),
        Err(names) => {
            found.push(Found::Mentioned(names[0].clone()));
            found.push(Found::Path(names));
        }
    }
    end
}

/// Reads the tree of a `use`: `a::b`, `a::{b, c as d}`, `a::*`.
fn use_tree(tokens: &[TokenTree], prefix: &Names, door: bool, found: &mut Vec<Found>) {
    let mut path = prefix.clone();
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        match token {
            TokenTree::Ident(ident) if *ident == "as" => {
                let name = tokens.get(at + 1).map(ToString::to_string).filter(|name| name != "_");
                return found.push(Found::Use { path: without_self(path), name, door });
            }
            TokenTree::Ident(ident) => path.push(ident.to_string()),
            TokenTree::Punct(punct) if punct.as_char() == '*' => return found.push(Found::Glob(path)),
            TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => {
                for branch in inside(group).split(|token| is_punct(token, ',')).filter(|branch| !branch.is_empty()) {
                    use_tree(branch, &path, door, found);
                }
                return;
            }
            _ => {}
        }
        at += 1;
    }
    let path = without_self(path);
    let name = path.last().cloned();
    found.push(Found::Use { path, name, door });
}

/// `a::self` in a tree is `a`.
fn without_self(mut path: Names) -> Names {
    if path.len() > 1 && path.last().is_some_and(|last| last == "self") {
        path.pop();
    }
    path
}

/// Whether an attribute is `[cfg(test)]`, or another condition that needs `test`.
fn is_test_only(token: Option<&TokenTree>) -> bool {
    let Some(TokenTree::Group(attribute)) = token else { return false };
    match &inside(attribute)[..] {
        [TokenTree::Ident(cfg), TokenTree::Group(condition)] if *cfg == "cfg" => match &inside(condition)[..] {
            [TokenTree::Ident(test)] => *test == "test",
            [TokenTree::Ident(all), TokenTree::Group(conditions)] if *all == "all" => {
                inside(conditions).iter().any(|token| matches!(token, TokenTree::Ident(test) if *test == "test"))
            }
            _ => false,
        },
        _ => false,
    }
}

/// The place behind the item that begins at `at`, further attributes included.
fn after_item(tokens: &[TokenTree], mut at: usize) -> usize {
    let mut ends_with_semicolon = false;
    while let Some(token) = tokens.get(at) {
        at += 1;
        match token {
            TokenTree::Ident(ident) if *ident == "use" => ends_with_semicolon = true,
            TokenTree::Group(group) if group.delimiter() == Delimiter::Brace && !ends_with_semicolon => return at,
            token if is_punct(token, ';') => return at,
            _ => {}
        }
    }
    at
}

/// Whether a visibility (`pub`, `pub(crate)`) ends at `at`.
fn is_visibility(tokens: &[TokenTree], at: usize) -> bool {
    let is_pub = |at: usize| matches!(&tokens[at], TokenTree::Ident(ident) if *ident == "pub");
    match &tokens[at] {
        TokenTree::Group(group) => group.delimiter() == Delimiter::Parenthesis && at > 0 && is_pub(at - 1),
        _ => is_pub(at),
    }
}

fn is_punct(token: &TokenTree, expected: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == expected)
}

fn inside(group: &Group) -> Vec<TokenTree> {
    group.stream().into_iter().collect()
}
