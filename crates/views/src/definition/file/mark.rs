//! Reads `[[marks]]`.

use super::super::column::{Column, Kind, OLDEST_VERSION, Type};
use super::super::error::DefinitionError;
use super::super::mark::{Mark, Says};
use super::column::{WrittenColumn, expressions};
use super::table::Table;

const KEYS: &[&str] = &["name", "says", "of", "settles", "type", "sql", "from", "until"];

/// A mark and its SQL.
pub(super) struct WrittenMark {
    says: Says,
    pub(super) written: WrittenColumn,
}

impl WrittenMark {
    pub(super) fn into_mark(self) -> Mark {
        Mark { says: self.says, column: self.written.column }
    }
}

pub(super) fn read(at: &Table<'_>) -> Result<WrittenMark, DefinitionError> {
    at.only(KEYS)?;
    let (of, settles) = (at.strings("of")?, at.flag("settles")?);
    let says = at.one_of(
        "says",
        None,
        &[
            ("since", Says::Since),
            ("witness", Says::Witness),
            ("parts", Says::Parts { of: Vec::new(), settles }),
            ("some_reset", Says::SomeReset),
            ("all_reset", Says::AllReset),
            ("born", Says::Born),
            ("horizon", Says::Horizon),
        ],
    )?;
    let says = match says {
        Says::Parts { .. } => Says::Parts { of, settles },
        _ if !of.is_empty() || settles => return Err(at.error("of", "only parts are of some columns, or settle".into(), "remove it")),
        says => says,
    };
    let types =
        [("int8", Type::Int8), ("float8", Type::Float8), ("text", Type::Text), ("timestamptz", Type::Timestamptz), ("bool", Type::Bool)];
    let column = Column {
        name: at.identifier("name")?,
        kind: Kind::Text,
        identity: false,
        r#type: at.one_of("type", None, &types)?,
        unit: None,
        from: at.version("from")?.unwrap_or(OLDEST_VERSION),
        until: at.version("until")?,
        help: String::new(),
    };
    let wanted = match says {
        Says::Witness | Says::AllReset => [Type::Int8, Type::Float8].as_slice(),
        Says::Born | Says::Horizon => &[Type::Int8],
        Says::Parts { .. } => &[Type::Text],
        Says::Since | Says::SomeReset => &[Type::Timestamptz, Type::Text, Type::Int8],
    };
    if !wanted.contains(&column.r#type) {
        let remedy =
            "witness and all_reset: int8 or float8; born and horizon: int8; parts: text; since and some_reset: timestamptz, text or int8";
        return Err(at.error("type", "does not fit what the mark says".into(), remedy));
    }
    if column.until.is_some_and(|until| until <= column.from) {
        return Err(at.error("until", "is not after 'from'".into(), "give the first major version that no longer has the mark"));
    }
    let expressions = expressions(at, &column)?;
    Ok(WrittenMark { says, written: WrittenColumn { column, expressions } })
}
