//! A view's definition: what one file of `views/*.toml` says, parsed and checked whole.
//!
//! The file format, with every key (docs/views.md is generated from these files):
//!
//! ```toml
//! name = "pg_stat_example"         # the table's name in SQL; the file is named after it
//! summary = "One line for the reference."
//! scope = "server"                 # server: once a server · database: once in each database · host: local servers only
//! source = "sql"                   # sql (default): the queries below · probe: a Rust probe yields the rows
//! interval = "60s"                 # how often it is read
//! timeout = "5s"                   # statement_timeout of its query
//! ship = "changed"                 # changed (default): rows that differ from the last snapshot · always: every row
//! refresh = "1h"                   # with `changed`: every row is shipped at least this often
//! max_rows = 5000                  # rows beyond are not read; how many were cut is reported
//! extension = "pg_stat_statements" # an extension it needs; `{schema}` in the SQL is where it is installed
//! privilege = "pg_monitor"         # the role whose membership shows every row
//! reset = "stats_reset"            # the column whose change says that counters started again
//!
//! [[columns]]
//! name = "calls"
//! kind = "counter"                 # label · counter · gauge · text
//! type = "int8"                    # bool · int8 · float8 · text · timestamptz · duration
//! unit = "bytes"                   # optional; a duration is shown in ms and needs none
//! from = 17                        # optional: the first major version that has it
//! until = 18                       # optional: the first major version that no longer has it
//! help = "One line."
//!
//! [[sql]]
//! from = 14                        # the first major version this text is for
//! extension = "1.9"                # optional: the first version of the extension this text is for
//! query = "select …"               # explicit columns, named as above; a duration is float8 milliseconds
//! ```
//! `{limit}` in a query becomes max_rows + 1, so that a query can choose its rows before it computes what is dear about them, and
//! the one row too many still tells that others were cut.
//!
//! This module is compiled into the build script too, so it uses no Arrow and does no I/O.

use std::sync::Arc;
use std::time::Duration;

/// The oldest PostgreSQL major version that is read.
pub const OLDEST_VERSION: u32 = 14;

/// Columns every table has in front; a view may not use these names.
pub const RESERVED_COLUMNS: [&str; 3] = ["ts", "server", "interval_ms"];

/// How often one view is read, and of what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Once a server, over any of its databases.
    Server,
    /// Once in each database that accepts connections.
    Database,
    /// Of the machine, where the server runs on the collector's own.
    Host,
}

/// Who yields the rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The definition's own SQL.
    Sql,
    /// A Rust probe in the collector, found by the view's name.
    Probe,
}

/// Which rows of a snapshot are shipped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ship {
    /// Rows that are new or differ from the last snapshot.
    Changed,
    /// Every row of every snapshot.
    Always,
}

/// What a column is to the collector, the store and the reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Part of the row's key within a server.
    Label,
    /// A number that only grows; shipped and stored as the delta over the row's interval.
    Counter,
    /// A value at a moment.
    Gauge,
    /// A fact that describes the row.
    Text,
}

/// A column's type: as the SQL yields it, as it is stored, and as the SQL table shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    Bool,
    /// 64-bit integer; narrower ones and oids are cast in the SQL.
    Int8,
    Float8,
    Text,
    /// Stored as microseconds UTC.
    Timestamptz,
    /// float8 milliseconds from PostgreSQL, stored as integer nanoseconds, shown as float8 milliseconds.
    Duration,
}

/// One column of a view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    pub name: String,
    pub kind: Kind,
    pub r#type: Type,
    pub unit: Option<String>,
    /// First major version that has it; [`OLDEST_VERSION`] where the file is silent.
    pub from: u32,
    /// First major version that no longer has it.
    pub until: Option<u32>,
    pub help: String,
}

impl Column {
    /// Whether a server of this major version has the column.
    #[must_use]
    pub fn is_in(&self, major: u32) -> bool {
        self.from <= major && self.until.is_none_or(|until| major < until)
    }
}

/// The SQL for servers from one major version on, up to the next entry's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sql {
    pub from: u32,
    /// The first version of the view's extension that it is for. A server that was upgraded may have kept an older one.
    pub extension: Option<String>,
    pub query: String,
}

/// A length of bins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tier {
    FiveMinutes,
    Hour,
}

impl Tier {
    /// All of them, the finest first. Bins divide days, so a bin's rows are of one day.
    pub const ALL: [Self; 2] = [Self::FiveMinutes, Self::Hour];

    /// How long its bins are.
    #[must_use]
    pub fn bin(self) -> Duration {
        Duration::from_secs(match self {
            Self::FiveMinutes => 300,
            Self::Hour => 3_600,
        })
    }

    /// Its name in settings, and after `_` at the end of its tables' names.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::FiveMinutes => "5m",
            Self::Hour => "1h",
        }
    }
}

/// Where a rollup comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The view whose rows are summed.
    pub view: Arc<View>,
    pub tier: Tier,
}

/// One thing collected with one shape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View {
    pub name: String,
    pub summary: String,
    pub scope: Scope,
    pub source: Source,
    pub interval: Duration,
    pub timeout: Duration,
    pub ship: Ship,
    pub refresh: Option<Duration>,
    pub max_rows: usize,
    pub extension: Option<String>,
    pub privilege: Option<String>,
    pub reset: Option<String>,
    pub columns: Vec<Column>,
    pub sql: Vec<Sql>,
    /// Of a rollup, what it sums; it is not collected. See [`rollup`](crate::rollup).
    pub rollup: Option<Origin>,
}

impl View {
    /// The SQL for a server of this major version: the newest entry that is not newer than it. A version newer than any
    /// known one gets the newest text; `None` means that the view does not exist there (it came with a later version).
    #[must_use]
    pub fn sql_for(&self, major: u32) -> Option<&str> {
        self.sql.iter().rev().find(|sql| sql.from <= major).map(|sql| sql.query.as_str())
    }

    /// The major version whose SQL and columns fit a server: its own, or an earlier one where its extension stayed behind the
    /// server (pg_upgrade does not update extensions). `None` where the view does not exist there.
    #[must_use]
    pub fn major_for(&self, major: u32, installed: Option<&str>) -> Option<u32> {
        let new_enough = |entry: &Sql| match (&entry.extension, installed) {
            (Some(needed), Some(installed)) => version_parts(installed).ge(version_parts(needed)),
            _ => true,
        };
        let mut entries = self.sql.iter().rev().filter(|entry| entry.from <= major);
        match entries.next() {
            Some(newest) if new_enough(newest) => Some(major),
            _ => entries.find(|entry| new_enough(entry)).map(|entry| entry.from),
        }
    }

    /// The column of this name.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// The columns that make a row's key within a server, in order.
    pub fn labels(&self) -> impl Iterator<Item = &Column> {
        self.columns.iter().filter(|column| column.kind == Kind::Label)
    }

    /// Whether any column is shipped as a delta.
    #[must_use]
    pub fn has_counters(&self) -> bool {
        self.columns.iter().any(|column| column.kind == Kind::Counter)
    }
}

/// What is wrong with a definition: where, what, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}: {key}: {problem}; {remedy}")]
pub struct DefinitionError {
    /// The file's name.
    pub file: String,
    /// The key, as a path (`columns[3].kind`), or `(file)`.
    pub key: String,
    pub problem: String,
    pub remedy: String,
}

const VIEW_KEYS: &[&str] = &[
    "name",
    "summary",
    "scope",
    "source",
    "interval",
    "timeout",
    "ship",
    "refresh",
    "max_rows",
    "extension",
    "privilege",
    "reset",
    "columns",
    "sql",
];
const COLUMN_KEYS: &[&str] = &["name", "kind", "type", "unit", "from", "until", "help"];
const SQL_KEYS: &[&str] = &["from", "extension", "query"];

/// Rows that are read where the definition is silent.
const DEFAULT_MAX_ROWS: i64 = 10_000;

/// Parses and checks one definition.
///
/// # Errors
/// The first thing that is wrong, with the file, the key and the remedy.
pub fn parse(file: &str, text: &str) -> Result<View, DefinitionError> {
    let table: toml::Table = text.parse().map_err(|error: toml::de::Error| DefinitionError {
        file: file.into(),
        key: "(file)".into(),
        problem: format!("is not TOML: {}", error.to_string().trim().replace('\n', " ")),
        remedy: "correct the line it names".into(),
    })?;
    let at = Place { file, path: String::new(), table: &table };
    at.only(VIEW_KEYS)?;

    let name = at.string("name")?;
    if !is_identifier(&name) {
        return Err(at.error("name", format!("'{name}' is not an SQL name"), "use lower-case letters, digits and underscores"));
    }
    let stem = file.rsplit('/').next().unwrap_or(file).trim_end_matches(".toml");
    if stem != name {
        return Err(at.error("name", format!("'{name}' differs from the file's name '{stem}'"), "name both alike"));
    }
    let scope = at.one_of("scope", None, &[("server", Scope::Server), ("database", Scope::Database), ("host", Scope::Host)])?;
    let source = at.one_of("source", Some(Source::Sql), &[("sql", Source::Sql), ("probe", Source::Probe)])?;
    let ship = at.one_of("ship", Some(Ship::Changed), &[("changed", Ship::Changed), ("always", Ship::Always)])?;
    let interval = at.duration("interval")?.ok_or_else(|| at.missing("interval", "give it, as in \"60s\""))?;
    let timeout = at.duration("timeout")?.unwrap_or(Duration::from_secs(5));
    let refresh = at.duration("refresh")?;
    let max_rows = at.integer("max_rows")?.unwrap_or(DEFAULT_MAX_ROWS);
    let max_rows = usize::try_from(max_rows)
        .ok()
        .filter(|rows| *rows > 0)
        .ok_or_else(|| at.error("max_rows", format!("{max_rows} is not a number of rows"), "give a positive integer"))?;

    let columns = at.tables("columns", column)?;
    if columns.is_empty() {
        return Err(at.missing("columns", "add a [[columns]] table for each column"));
    }
    for (i, column) in columns.iter().enumerate() {
        let key = format!("columns[{i}].name");
        if RESERVED_COLUMNS.contains(&column.name.as_str()) {
            return Err(at.error(&key, format!("'{}' stands in front of every table already", column.name), "choose another name"));
        }
        if columns.iter().take(i).any(|earlier| earlier.name == column.name) {
            return Err(at.error(&key, format!("column '{}' is declared twice", column.name), "remove one of the two"));
        }
    }
    let mut sql = at.tables("sql", sql)?;
    for entry in &mut sql {
        entry.query = entry.query.replace("{limit}", &max_rows.saturating_add(1).to_string());
    }
    check_sql(&at, source, &columns, &sql)?;

    let extension = at.string_opt("extension")?;
    if extension.is_none()
        && let Some(i) = sql.iter().position(|entry| entry.extension.is_some())
    {
        return Err(at.error(
            &format!("sql[{i}].extension"),
            "but the view needs none".into(),
            "name the extension at the top of the file",
        ));
    }
    let reset = at.string_opt("reset")?;
    if let Some(reset) = &reset
        && !columns.iter().any(|column| column.name == *reset && column.r#type == Type::Timestamptz)
    {
        return Err(at.error("reset", format!("'{reset}' is no timestamptz column of this view"), "name one, or leave the key out"));
    }
    Ok(View {
        name,
        summary: at.string("summary")?,
        scope,
        source,
        interval,
        timeout,
        ship,
        refresh,
        max_rows,
        extension,
        privilege: at.string_opt("privilege")?,
        reset,
        columns,
        sql,
        rollup: None,
    })
}

fn column(at: &Place<'_>) -> Result<Column, DefinitionError> {
    at.only(COLUMN_KEYS)?;
    let name = at.string("name")?;
    if !is_identifier(&name) {
        return Err(at.error("name", format!("'{name}' is not an SQL name"), "use lower-case letters, digits and underscores"));
    }
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
    let from = at.version("from")?.unwrap_or(OLDEST_VERSION);
    let until = at.version("until")?;
    if until.is_some_and(|until| until <= from) {
        return Err(at.error("until", "is not after 'from'".into(), "give the first major version that no longer has the column"));
    }
    Ok(Column { name, kind, r#type, unit: at.string_opt("unit")?, from, until, help: at.string("help")? })
}

fn sql(at: &Place<'_>) -> Result<Sql, DefinitionError> {
    at.only(SQL_KEYS)?;
    let from = at.version("from")?.ok_or_else(|| at.missing("from", "give the first major version the query is for"))?;
    Ok(Sql { from, extension: at.string_opt("extension")?, query: at.string("query")?.trim().to_owned() })
}

/// `1.11` as 1, 11; what is no number counts as 0.
fn version_parts(version: &str) -> impl Iterator<Item = u32> {
    version.split('.').map(|part| part.parse().unwrap_or(0))
}

/// Each entry is later than the one before, names every column its versions have and none they lack, and no column comes or
/// goes between two entries.
fn check_sql(at: &Place<'_>, source: Source, columns: &[Column], sql: &[Sql]) -> Result<(), DefinitionError> {
    match source {
        Source::Probe if sql.is_empty() => return Ok(()),
        Source::Probe => return Err(at.error("sql", "a probe has no SQL here".into(), "remove it, or say source = \"sql\"")),
        Source::Sql if sql.is_empty() => return Err(at.missing("sql", "add a [[sql]] table with 'from' and 'query'")),
        Source::Sql => {}
    }
    let first = sql.first().map_or(OLDEST_VERSION, |sql| sql.from);
    for (i, entry) in sql.iter().enumerate() {
        let key = format!("sql[{i}]");
        let next = sql.get(i + 1).map_or(u32::MAX, |sql| sql.from);
        if next <= entry.from {
            return Err(at.error(&format!("sql[{}].from", i + 1), format!("{next} is not after {}", entry.from), "order them by version"));
        }
        if !words(&entry.query).any(|word| word.eq_ignore_ascii_case("select")) {
            return Err(at.error(&format!("{key}.query"), "is no SELECT".into(), "write one select with explicit columns"));
        }
        for column in columns {
            let boundary = [Some(column.from), column.until].into_iter().flatten().find(|v| entry.from < *v && *v < next && *v > first);
            if let Some(version) = boundary {
                let problem = format!("column '{}' comes or goes with version {version}, inside this entry's versions", column.name);
                return Err(at.error(&key, problem, &format!("add a [[sql]] entry with from = {version}")));
            }
            let named = words(&entry.query).any(|word| word == column.name);
            if column.is_in(entry.from) && !named {
                let problem = format!("does not name column '{}'", column.name);
                return Err(at.error(&format!("{key}.query"), problem, "select it, or say with from/until which versions have it"));
            }
        }
        if entry.query.split_whitespace().collect::<Vec<_>>().join(" ").to_ascii_lowercase().contains("select *") {
            return Err(at.error(&format!("{key}.query"), "selects *".into(), "name the columns"));
        }
    }
    Ok(())
}

/// Words that could be identifiers.
fn words(sql: &str) -> impl Iterator<Item = &str> {
    sql.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').filter(|word| !word.is_empty())
}

fn is_identifier(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

/// A table of the file, which knows where it stands, for errors.
struct Place<'a> {
    file: &'a str,
    path: String,
    table: &'a toml::Table,
}

impl Place<'_> {
    fn error(&self, key: &str, problem: String, remedy: &str) -> DefinitionError {
        DefinitionError { file: self.file.into(), key: format!("{}{key}", self.path), problem, remedy: remedy.into() }
    }

    fn missing(&self, key: &str, remedy: &str) -> DefinitionError {
        self.error(key, "is missing".into(), remedy)
    }

    fn only(&self, known: &[&str]) -> Result<(), DefinitionError> {
        let Some(key) = self.table.keys().find(|key| !known.contains(&key.as_str())) else { return Ok(()) };
        let nearest = known.iter().max_by(|a, b| strsim::jaro_winkler(key, a).total_cmp(&strsim::jaro_winkler(key, b)));
        let remedy = nearest.map_or_else(String::new, |nearest| format!("did you mean '{nearest}'?"));
        Err(self.error(key, "is not a key of a view definition".into(), &remedy))
    }

    fn string_opt(&self, key: &str) -> Result<Option<String>, DefinitionError> {
        match self.table.get(key) {
            None => Ok(None),
            Some(toml::Value::String(text)) if !text.trim().is_empty() => Ok(Some(text.clone())),
            Some(_) => Err(self.error(key, "is not a text".into(), "give a non-empty string")),
        }
    }

    fn string(&self, key: &str) -> Result<String, DefinitionError> {
        self.string_opt(key)?.ok_or_else(|| self.missing(key, "give a non-empty string"))
    }

    fn integer(&self, key: &str) -> Result<Option<i64>, DefinitionError> {
        match self.table.get(key) {
            None => Ok(None),
            Some(toml::Value::Integer(number)) => Ok(Some(*number)),
            Some(_) => Err(self.error(key, "is not an integer".into(), "give a whole number")),
        }
    }

    fn version(&self, key: &str) -> Result<Option<u32>, DefinitionError> {
        let Some(number) = self.integer(key)? else { return Ok(None) };
        match u32::try_from(number) {
            Ok(version) if (OLDEST_VERSION..100).contains(&version) => Ok(Some(version)),
            _ => Err(self.error(key, format!("{number} is not a supported major version"), "give 14 or a later major version")),
        }
    }

    fn duration(&self, key: &str) -> Result<Option<Duration>, DefinitionError> {
        let Some(text) = self.string_opt(key)? else { return Ok(None) };
        parse_duration(&text)
            .map(Some)
            .ok_or_else(|| self.error(key, format!("'{text}' is not a duration"), "give a number with ms, s, m, h or d, as in \"10s\""))
    }

    fn one_of<T: Copy>(&self, key: &str, default: Option<T>, choices: &[(&str, T)]) -> Result<T, DefinitionError> {
        let names = || choices.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
        let Some(text) = self.string_opt(key)? else {
            return default.ok_or_else(|| self.missing(key, &format!("give one of: {}", names())));
        };
        choices
            .iter()
            .find(|(name, _)| *name == text)
            .map(|(_, value)| *value)
            .ok_or_else(|| self.error(key, format!("'{text}' is unknown"), &format!("give one of: {}", names())))
    }

    fn tables<T>(&self, key: &str, read: fn(&Place<'_>) -> Result<T, DefinitionError>) -> Result<Vec<T>, DefinitionError> {
        let Some(value) = self.table.get(key) else { return Ok(Vec::new()) };
        let array = value.as_array().ok_or_else(|| self.error(key, "is not an array of tables".into(), &format!("write [[{key}]]")))?;
        array
            .iter()
            .enumerate()
            .map(|(i, item)| {
                let table =
                    item.as_table().ok_or_else(|| self.error(key, "is not an array of tables".into(), &format!("write [[{key}]]")))?;
                read(&Place { file: self.file, path: format!("{key}[{i}]."), table })
            })
            .collect()
    }
}

/// `250ms`, `10s`, `5m`, `1h`, `7d`.
///
/// `None` where the text is not a whole positive number with one of these units.
#[must_use]
pub fn parse_duration(text: &str) -> Option<Duration> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().ok().filter(|number| *number > 0)?;
    let seconds = |scale: u64| number.checked_mul(scale).map(Duration::from_secs);
    match unit {
        "ms" => Some(Duration::from_millis(number)),
        "s" => seconds(1),
        "m" => seconds(60),
        "h" => seconds(3_600),
        "d" => seconds(86_400),
        _ => None,
    }
}
