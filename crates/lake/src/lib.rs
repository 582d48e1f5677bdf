//! The lake stores the history as hot rows and Parquet files, and answers SQL over both.
//!
//! # Promise
//! - A batch is acknowledged only after it is on disk and visible to SQL; a replay changes nothing.
//! - A query sees a consistent snapshot: every acknowledged row exactly once, hot or in a file, whatever compaction does meanwhile.
//! - SQL can only read, within limits of memory, time and number of rows.
//! - kill -9 at any moment neither loses nor duplicates an acknowledged row.
//!
//! # The data folder
//! ```text
//! lock                                            locked by the process that has the folder open
//! meta.db                                         SQLite: users … servers, hot batches, the catalog of files
//! lake/table=<view>/date=<YYYY-MM-DD>/<id>.parquet   sorted by (server, labels…, ts); plain Parquet for any reader
//! spill/                                          temporary files of running queries; see `spill`
//! ```
//! # The rooms
//! The modules, from top to bottom. A module uses only modules below it; a test checks this (`e2e/tests/architecture`).
//! ```text
//! lake        open, ingest, query, close         options     options of the lake
//! query       running queries                    maintain    background work
//! write       ingesting batches
//! present     the readable state, as snapshots
//! catalog     which files and batches are live   parquet     writing and reading files
//! store       the storage of files               decode      batches to rows     rollup   sums over bins
//! meta        users, tokens, servers, statements model       plain values
//! threads     threads separate from requests
//! ```
//! Only this crate uses DataFusion's generic code. The parts of Arrow that other crates need are re-exported as [`arrow`].

mod catalog;
mod decode;
mod lake;
mod maintain;
mod meta;
mod model;
mod options;
mod parquet;
mod present;
mod query;
mod rollup;
mod store;
mod threads;
mod write;

pub use arrow;
pub use decode::RowsError;
pub use lake::Lake;
pub use maintain::{Depth, MAX_RETENTION_DAYS, Retention, RetentionDays, RetentionError, RetentionSetting, Verified};
pub use meta::{
    Applicant, Attempts, Collector, Credential, CredentialError, CredentialState, Credentials, DatabaseUrl, DatabaseUrlError, Enrolled,
    Enrolment, Meta, MetaError, NewToken, Remedy, Role, SchemaState, Server, ServerRole, Session, Token, TokenKind, UnknownWord, User,
};
pub use model::{Compaction, Expiry, Stats, TableStats};
pub use options::{
    DEFAULT_COMPACT_EVERY, DEFAULT_HOT_MEMORY, DEFAULT_MAX_ROWS, DEFAULT_QUERY_DEADLINE, DEFAULT_QUERY_MEMORY, DEFAULT_RETENTION,
    DEFAULT_SPILL_DISK, LakeOptions,
};
pub use query::{Answer, AnswerCache, MAX_KEPT, Position, Purpose, Query, QueryError, QueryErrorKind, interval_text};
pub use store::{StoreUrl, StoreUrlError};
pub use write::{Ack, IngestError, Sender};
