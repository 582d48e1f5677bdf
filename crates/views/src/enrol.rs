//! The protocol by which a collector gets a credential of its own.
//!
//! The collector creates its credential and stores it on disk. Then it sends only the SHA-256 of the credential: to [`ENROL`] with an
//! enrolment token as the bearer, or to [`ROTATE`] with the current credential. If an answer is lost, the collector sends the same request
//! again, so it is never locked out.

/// The path that exchanges an enrolment token for a credential.
pub const ENROL: &str = "/api/v1/collectors/enrol";
/// The path that renews a credential.
pub const ROTATE: &str = "/api/v1/collectors/rotate";

/// The prefix of an enrolment token.
pub const TOKEN_PREFIX: &str = "pga_e_";
/// The prefix of a collector's own credential.
pub const CREDENTIAL_PREFIX: &str = "pga_k_";
/// The random bytes behind the prefix, written in hexadecimal.
pub const SECRET_BYTES: usize = 32;

/// The error codes that the collector handles.
pub mod code {
    /// The backend does not know the credential, or no longer knows it. The collector may enrol again.
    pub const CREDENTIAL_UNKNOWN: &str = "credential_unknown";
    /// The batch is damaged, or is no batch. The backend never accepts it.
    pub const BAD_BATCH: &str = "bad_batch";
    /// The batch is larger than the backend accepts.
    pub const TOO_LARGE: &str = "too_large";
    /// The batch belongs to another collector than the credential.
    pub const FOREIGN_COLLECTOR: &str = "foreign_collector";
    /// A shared token came with a batch of a collector that has its own credential; or the collector enrolled with another credential.
    pub const COLLECTOR_ENROLLED: &str = "collector_enrolled";
    /// The batch came with another shared token than the collector's earlier batches.
    pub const COLLECTOR_BOUND: &str = "collector_bound";
    /// An administrator revoked the collector.
    pub const COLLECTOR_REVOKED: &str = "collector_revoked";
    /// The backend requires a client certificate in addition to the token or credential.
    pub const CERTIFICATE_REQUIRED: &str = "certificate_required";
}
