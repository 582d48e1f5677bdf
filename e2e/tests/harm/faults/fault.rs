//! The kinds of faults.

/// A kind of fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    BackendKilled,
    HolderKilled,
    HolderStopped,
    BackendFrozen,
    DatabaseKilled,
    DatabaseRestarted,
    DatabaseFull,
    DatabaseReadOnly,
    StoreKilled,
    StoreFrozen,
    BucketGone,
    CollectorKilled,
    CutFromDatabase,
    AnswersLost,
    CutFromStore,
    CutFromBalancer,
    ClockAhead,
    ClockBehind,
}

impl Fault {
    pub(super) const ALL: [Self; 18] = [
        Self::BackendKilled,
        Self::HolderKilled,
        Self::HolderStopped,
        Self::BackendFrozen,
        Self::DatabaseKilled,
        Self::DatabaseRestarted,
        Self::DatabaseFull,
        Self::DatabaseReadOnly,
        Self::StoreKilled,
        Self::StoreFrozen,
        Self::BucketGone,
        Self::CollectorKilled,
        Self::CutFromDatabase,
        Self::AnswersLost,
        Self::CutFromStore,
        Self::CutFromBalancer,
        Self::ClockAhead,
        Self::ClockBehind,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::BackendKilled => "kill -9 of a backend",
            Self::HolderKilled => "kill -9 of the lease's holder",
            Self::HolderStopped => "SIGTERM to the lease's holder",
            Self::BackendFrozen => "a frozen backend",
            Self::DatabaseKilled => "kill -9 of PostgreSQL",
            Self::DatabaseRestarted => "a restart of PostgreSQL",
            Self::DatabaseFull => "a full disk of PostgreSQL",
            Self::DatabaseReadOnly => "a read-only PostgreSQL",
            Self::StoreKilled => "kill -9 of the S3 server",
            Self::StoreFrozen => "a frozen S3 server",
            Self::BucketGone => "a missing bucket",
            Self::CollectorKilled => "kill -9 of a collector",
            Self::CutFromDatabase => "a backend cut from PostgreSQL",
            Self::AnswersLost => "lost answers of PostgreSQL to a backend",
            Self::CutFromStore => "a backend cut from the S3 server",
            Self::CutFromBalancer => "a backend cut from the balancer",
            Self::ClockAhead => "a backend's clock an hour ahead",
            Self::ClockBehind => "a backend's clock an hour behind",
        }
    }

    /// Whether no backend can take a batch during the fault.
    pub(super) fn stops_everything(self) -> bool {
        matches!(self, Self::DatabaseKilled | Self::DatabaseRestarted | Self::DatabaseFull | Self::DatabaseReadOnly)
    }
}
