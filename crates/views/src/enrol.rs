//! What collector and backend say to each other about a collector's own credential.
//!
//! The collector makes its credential and keeps it on its disk before it sends the SHA-256 of it, and nothing else, to [`ENROL`] with an
//! enrolment token as the bearer, or to [`ROTATE`] with the credential in use. So no answer that is lost locks it out: it asks again.

/// Where an enrolment token is exchanged.
pub const ENROL: &str = "/api/v1/collectors/enrol";
/// Where a credential is renewed.
pub const ROTATE: &str = "/api/v1/collectors/rotate";

/// How an enrolment token begins.
pub const TOKEN_PREFIX: &str = "pga_e_";
/// How a collector's own credential begins.
pub const CREDENTIAL_PREFIX: &str = "pga_k_";
/// Random bytes behind the prefix, as hexadecimal.
pub const SECRET_BYTES: usize = 32;

/// Codes of refusals that the collector tells apart.
pub mod code {
    /// The backend knows no such credential (any more): the collector may enrol anew.
    pub const CREDENTIAL_UNKNOWN: &str = "credential_unknown";
    /// The collector ships for another than it is.
    pub const FOREIGN_COLLECTOR: &str = "foreign_collector";
    /// An administrator has shut the collector out.
    pub const COLLECTOR_REVOKED: &str = "collector_revoked";
    /// A certificate is asked for, beside token or credential.
    pub const CERTIFICATE_REQUIRED: &str = "certificate_required";
}
