//! What is collected: the definitions of `views/*.toml`.
//!
//! For: parsing a definition file and checking all of it. Uses: nothing of this crate, no Arrow and no I/O, since the build script compiles
//! it too. Used by: everything else in this crate.
//!
//! # File format
//! All keys of a file (`docs/views.md` is generated from these files):
//!
//! ```toml
//! name = "pg_stat_example"         # the table's name in SQL, and the file's name
//! summary = "One line for the reference."
//! scope = "server"                 # server: once a server · database: once in each database · host: local servers only
//! source = "sql"                   # sql (default): the queries below · probe: a Rust probe yields the rows
//! interval = "60s"                 # how often the view is read
//! timeout = "5s"                   # statement_timeout of its query
//! ship = "changed"                 # changed (default): rows that differ from the last snapshot · always: every row
//! refresh = "1h"                   # with `changed`: every row is shipped at least this often
//! max_rows = 5000                  # further rows are not read; the number of rows left out is reported
//! extension = "pg_stat_statements" # the extension the view needs; `{schema}` in the SQL is the extension's schema
//! privilege = "pg_monitor"         # the role whose members see every row
//! reset = "stats_reset"            # the column whose change means that the counters started again
//! restarts_with = ["calls"]        # counters whose fall means that all counters of the row started again; ["*"] for all of them.
//!                                  # A fall of another counter makes the delta of that counter null
//! keep = ["size"]                  # beyond max_rows: the rows with the largest values here and in the counters are kept
//!
//! [[columns]]
//! name = "calls"
//! kind = "counter"                 # label · counter · gauge · text
//! identity = true                  # only labels: the label is the server's own identifier, such as an oid. Other labels may change
//! type = "int8"                    # bool · int8 · float8 · text · timestamptz · duration
//! sql = "s.calls"                  # optional: the expression, or one for each version: { 14 = "s.calls", 17 = "s.total_calls" }
//! unit = "bytes"                   # optional; a duration is shown in ms and needs no unit
//! from = 17                        # optional: the first major version that has the column
//! until = 18                       # optional: the first major version that no longer has it
//! help = "One line."
//!
//! [[marks]]                         # a column that is read and not shipped; see [`Says`]
//! name = "parts"
//! says = "parts"                   # since · witness · parts · some_reset · all_reset · born · horizon
//! of = ["idx_scan"]                # only parts: the counters that the mark is about; all by default
//! settles = true                   # only parts: the server may deliver the counters of a new part one interval late
//! type = "text"
//! sql = "x.parts"                  # as in columns; so are from and until
//!
//! [[sql]]
//! from = 14                        # the first major version the query is for
//! extension = "1.9"                # optional: the first version of the extension the query is for
//! query = "select {s.columns} …"   # optional after the first entry: the query before is used again
//! ```
//!
//! # Queries
//! - `{columns}` becomes the columns that the version has, in the order of the file, each with its `sql` or else its name. `{s.columns}`
//!   reads those without `sql` from the table alias `s`. The query then also covers versions in which columns come and go.
//! - A line that begins with `{from 16}` is for version 16 and later. This needs `{columns}` in the query.
//! - A query without `{columns}` names the columns itself. It must name every column of its versions, and needs one entry for each version
//!   in which columns come or go.
//! - The collector replaces `{limit}` by the number of rows that it reads at most, plus one. A query can so choose its rows before it
//!   computes expensive columns; the one extra row tells that rows were left out.
//! - A `duration` is float8 milliseconds in the SQL result.

mod column;
mod duration;
mod error;
mod file;
mod mark;
mod tier;
mod view;

pub use column::{Column, Kind, OLDEST_VERSION, RESERVED_COLUMNS, Type};
pub use duration::parse_duration;
pub use error::DefinitionError;
pub use file::parse;
pub use mark::{Mark, Says};
pub use tier::Tier;
pub use view::{Listed, Origin, Scope, Ship, Source, Sql, View};
