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
//! DataFusion's generic code is named in this crate only; what others need of Arrow is re-exported as [`arrow`].

mod answers;
mod catalog;
mod compaction;
mod dictionary;
mod failure;
mod fleet;
mod follow;
mod functions;
mod ingest;
mod lake;
mod lease;
mod meta;
mod options;
mod parquet;
mod query;
mod recent;
mod retention;
mod rollup;
mod rows;
mod scan;
mod shape;
mod skew;
mod snapshot;
mod spill;
mod sql;
mod stats;
mod store;
mod table;
mod threads;
mod verify;

pub use answers::{AnswerCache, MAX_KEPT};
pub use arrow;
pub use ingest::{Ack, IngestError, Sender};
pub use lake::Lake;
pub use meta::{
    Applicant, Attempts, Collector, Credential, CredentialError, CredentialState, Credentials, DatabaseUrl, DatabaseUrlError, Enrolled,
    Enrolment, Meta, MetaError, NewToken, Remedy, Role, SchemaState, Server, ServerRole, Session, Token, TokenKind, UnknownWord, User,
};
pub use options::{
    DEFAULT_COMPACT_EVERY, DEFAULT_HOT_MEMORY, DEFAULT_MAX_ROWS, DEFAULT_QUERY_DEADLINE, DEFAULT_QUERY_MEMORY, DEFAULT_RETENTION,
    DEFAULT_SPILL_DISK, LakeOptions,
};
pub use query::{Answer, Position, Query, QueryError, QueryErrorKind};
pub use retention::{MAX_RETENTION_DAYS, Retention, RetentionDays, RetentionError, RetentionSetting};
pub use sql::QUERIES_AT_ONCE;
pub use stats::{Compaction, Expiry, Stats, TableStats};
pub use store::{StoreUrl, StoreUrlError};
pub use verify::{Depth, Verified};
