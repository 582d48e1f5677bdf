//! Reads a pod's annotations: our own, and those that users already have for Coroot and Datadog.
//!
//! | ours | coroot's | Datadog's `ad.datadoghq.com/<container>.checks` |
//! |---|---|---|
//! | `pganalytics.io/scrape` | `coroot.com/postgres-scrape` | a check named `postgres` |
//! | `/port` | `-port` | `port` of its instance |
//! | `/database` | | `dbname` |
//! | `/sslmode` | `-param-sslmode` | `ssl` |
//! | `/require-auth` | | |
//! | `/secret-name` | `-credentials-secret-name` | `password: "ENC[k8s_secret@namespace/name/key]"` |
//! | `/secret-username-key` | `-credentials-secret-username-key` | |
//! | `/secret-password-key` | `-credentials-secret-password-key` | |
//! | | `-credentials-username` | `username` |
//!
//! On a pod that an operator's labels mark as a server, our annotations need no `scrape`.
//!
//! A password in an annotation is never read: everybody who may read pods would see it.
//!
//! May use `candidate` and `manifest`.
//! Used by `verdict`.

mod annotated;
mod coroot;
mod datadog;
mod families;
mod ours;
mod value;

pub(super) use families::read;
