//! Reads `[[columns]]`.

use std::collections::BTreeMap;

use super::super::column::{Column, Kind, OLDEST_VERSION, Type};
use super::super::error::DefinitionError;
use super::table::Table;

const KEYS: &[&str] = &["name", "kind", "identity", "type", "sql", "unit", "from", "until", "help"];

/// A column and its SQL.
#[derive(Clone)]
pub(super) struct WrittenColumn {
    pub(super) column: Column,
    /// The SQL expression by the first major version it is for. Empty if the query reads the column by its name.
    pub(super) expressions: BTreeMap<u32, String>,
}

pub(super) fn read(at: &Table<'_>) -> Result<WrittenColumn, DefinitionError> {
    at.only(KEYS)?;
    let name = at.identifier("name")?;
    let kind =
        at.one_of("kind", None, &[("label", Kind::Label), ("counter", Kind::Counter), ("gauge", Kind::Gauge), ("text", Kind::Text)])?;
    let r#type = at.one_of(
        "type",
        None,
        &[
            ("bool", Type::Bool),
            ("int8", Type::Int8),
            ("float8", Type::Float8),
            ("text", Type::Text),
            ("timestamptz", Type::Timestamptz),
            ("duration", Type::Duration),
        ],
    )?;
    match (kind, r#type) {
        (Kind::Counter, Type::Int8 | Type::Float8 | Type::Duration) | (Kind::Gauge | Kind::Text, _) => {}
        (Kind::Label, Type::Bool | Type::Int8 | Type::Text) => {}
        (Kind::Counter, _) => return Err(at.error("type", "a counter must be a number".into(), "use int8, float8 or duration")),
        (Kind::Label, _) => return Err(at.error("type", "a label must compare exactly".into(), "use text, int8 or bool")),
    }
    let identity = at.flag("identity")?;
    if identity && kind != Kind::Label {
        return Err(at.error("identity", "only a label identifies a row".into(), "write kind = \"label\", or remove the key"));
    }
    let from = at.version("from")?.unwrap_or(OLDEST_VERSION);
    let until = at.version("until")?;
    if until.is_some_and(|until| until <= from) {
        return Err(at.error("until", "is not after 'from'".into(), "give the first major version that no longer has the column"));
    }
    let column = Column { name, kind, identity, r#type, unit: at.string_opt("unit")?, from, until, help: at.string("help")? };
    let expressions = expressions(at, &column)?;
    Ok(WrittenColumn { column, expressions })
}

/// `sql = "…"`, or `sql = { 14 = "…", 17 = "…" }`.
pub(super) fn expressions(at: &Table<'_>, column: &Column) -> Result<BTreeMap<u32, String>, DefinitionError> {
    let content = match at.content.get("sql") {
        Some(toml::Value::Table(content)) => content,
        _ => return Ok(at.string_opt("sql")?.map(|expression| (column.from, expression)).into_iter().collect()),
    };
    let versions = Table { file: at.file, path: format!("{}sql.", at.path), content };
    let mut expressions = BTreeMap::new();
    for key in content.keys() {
        let number = key.parse().map_err(|_| versions.error(key, "is not a major version".into(), "write { 14 = \"…\", 17 = \"…\" }"))?;
        let version = versions.supported(key, number)?;
        if !column.is_in(version) {
            let remedy = "give expressions for the versions that 'from' and 'until' allow";
            return Err(versions.error(key, "is a version without this column".into(), remedy));
        }
        expressions.insert(version, versions.string(key)?);
    }
    Ok(expressions)
}
