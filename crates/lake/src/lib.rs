//! The lake: history as hot rows and Parquet files, and SQL over both.
//!
//! # Promise
//! - A batch is acknowledged only after it is on disk and visible to SQL; a replay changes nothing.
//! - A query sees one moment: every acknowledged row once, whether hot or in a file, whatever compaction does meanwhile.
//! - SQL reads and nothing else, within its memory, its deadline and its row cap.
//! - kill -9 at any moment loses no acknowledged row and doubles none.
//!
//! # The data folder
//! ```text
//! lock                                            held by the process that has it open
//! meta.db                                         SQLite: users … servers, hot batches, the catalog of files
//! lake/table=<view>/date=<YYYY-MM-DD>/<id>.parquet   sorted by (server, labels…, ts); plain Parquet for any reader
//! spill/                                          what queries put on disk while they run; see `spill`
//! ```
//! # The rooms
//! From top to bottom; a room uses only rooms that stand below it, which a test proves (`e2e/tests/architecture`).
//! ```text
//! lake        opened, fed, asked, closed         options     what it is opened with
//! query       a question's way                   maintain    the work in the background
//! write       a batch's way
//! present     what is readable at one moment
//! catalog     which files and batches are live   parquet     how files are written and read
//! store       where files lie                    decode      batches as rows     rollup   sums over bins
//! meta        users, tokens, servers, statements model       plain values
//! threads     threads apart from requests
//! ```
//! DataFusion's generic code is named in this crate only; what others need of Arrow is re-exported as [`arrow`].

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
pub use query::{Answer, AnswerCache, MAX_KEPT, Position, QUERIES_AT_ONCE, Query, QueryError, QueryErrorKind};
pub use store::{StoreUrl, StoreUrlError};
pub use write::{Ack, IngestError, Sender};
