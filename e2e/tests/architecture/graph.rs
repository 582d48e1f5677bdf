//! Files and their imports as a graph.

use std::collections::{BTreeMap, BTreeSet};

/// The imports between files. Files are named relative to the crate's `src`, with `/`.
#[derive(Debug, Default)]
pub(crate) struct Arrows {
    pub(crate) files: BTreeSet<String>,
    /// By importing and imported file: the imported names.
    pub(crate) arrows: BTreeMap<(String, String), BTreeSet<String>>,
}

impl Arrows {
    pub(crate) fn add(&mut self, from: &str, to: &str, name: &str) {
        if from != to {
            self.arrows.entry((from.to_owned(), to.to_owned())).or_default().insert(name.to_owned());
        }
    }
}

/// The circles of a graph: each is a set of nodes that can all reach each other.
pub(crate) fn circles<'a>(arrows: impl Iterator<Item = (&'a str, &'a str)>) -> Vec<BTreeSet<&'a str>> {
    let mut next: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (from, to) in arrows {
        next.entry(from).or_default().insert(to);
    }
    let reached: BTreeMap<&str, BTreeSet<&str>> = next.keys().map(|start| (*start, reachable(&next, start))).collect();
    let reaches = |from: &str, to: &str| reached.get(from).is_some_and(|reached| reached.contains(to));
    let in_circle = next.keys().filter(|node| reaches(node, node));
    let circles: BTreeSet<BTreeSet<&str>> =
        in_circle.map(|node| reached[node].iter().copied().filter(|other| reaches(other, node)).collect()).collect();
    circles.into_iter().collect()
}

/// The nodes that can be reached from a node in one step or more.
fn reachable<'a>(next: &BTreeMap<&'a str, BTreeSet<&'a str>>, start: &str) -> BTreeSet<&'a str> {
    let mut reached = BTreeSet::new();
    let mut open: Vec<&str> = next.get(start).into_iter().flatten().copied().collect();
    while let Some(node) = open.pop() {
        if reached.insert(node) {
            open.extend(next.get(node).into_iter().flatten());
        }
    }
    reached
}
