//! docs/views.md matches the definitions.

use std::path::Path;

use pganalytics_views::{ViewSet, reference};

/// `UPDATE=1 cargo test -p pganalytics-views` writes the file.
#[test]
fn docs_views_md_is_fresh() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/views.md");
    let text = reference(&ViewSet::builtin().expect("valid built-in views"));
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &text).expect("docs/views.md can be written");
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(committed == text, "docs/views.md is stale: run UPDATE=1 cargo test -p pganalytics-views");
}
