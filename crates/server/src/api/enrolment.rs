//! Enrolment: a collector gets its own credential, and renews it.
//!
//! The collector creates the credential and sends only its SHA-256. Repeating a request with the same credential changes nothing, so a lost
//! response does no harm. An enrolment token cannot ship, read, or take over an enrolled collector.

use axum::Json;
use axum::extract::State;
use chrono::Utc;
use hex::FromHex as _;
use pganalytics_lake::{Applicant, CredentialError, Enrolled};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::body::JsonBody;
use crate::accounts::check_name;
use crate::app::App;
use crate::audit::{self, Trail};
use crate::auth::{CertificateBinding, Client, Proof, Shipper};
use crate::error::{ApiError, ErrorBody};
use crate::limiter;

/// The most bytes of a version.
const MAX_VERSION: usize = 64;
/// The audit log's message.
const REFUSED: &str = "enrolment refused";

pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(enrol)).routes(routes!(rotate))
}

/// A request for a credential.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EnrolRequest {
    /// The collector's identity, as in its batches.
    collector: Uuid,
    /// The collector's name.
    name: String,
    /// The collector's version.
    version: String,
    /// The SHA-256 of the credential that the collector created (`pga_k_` and 64 hexadecimal digits), in hexadecimal.
    credential_sha256: String,
    /// Only check whether the collector would be enrolled.
    #[serde(default)]
    dry_run: bool,
}

/// The collector is enrolled.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EnrolAnswer {
    collector: Uuid,
    /// The collector was already enrolled with this credential. Nothing changed.
    again: bool,
}

/// A new credential.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RotateRequest {
    /// The SHA-256 of the new credential, in hexadecimal.
    credential_sha256: String,
}

/// Both credentials are valid until the new one is used.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RotateAnswer {
    collector: Uuid,
}

/// Exchanges an enrolment token for a collector's own credential.
///
/// The bearer is the enrolment token, or a projected ServiceAccount token if the backend runs in Kubernetes. A repeated request with the
/// same credential gets the same response, and does not use the token again.
#[utoipa::path(post, path = "/api/v1/collectors/enrol", tag = "ingest", security(("token" = [])), request_body = EnrolRequest, responses(
    (status = OK, body = EnrolAnswer),
    (status = BAD_REQUEST, description = "The body is invalid", body = ErrorBody),
    (status = FORBIDDEN, description = "The token is expired, revoked or used up, or the collector is revoked", body = ErrorBody),
    (status = CONFLICT, description = "The collector is enrolled with another credential, or another collector has this credential", body = ErrorBody),
    (status = PAYLOAD_TOO_LARGE, description = "The body is too large", body = ErrorBody),
    (status = UNSUPPORTED_MEDIA_TYPE, description = "The body is not JSON", body = ErrorBody),
    (status = TOO_MANY_REQUESTS, description = "Too many attempts; see Retry-After", body = ErrorBody),
))]
async fn enrol(
    State(app): State<App>,
    proof: Proof,
    binding: CertificateBinding,
    client: Client,
    trail: Trail,
    JsonBody(request): JsonBody<EnrolRequest>,
) -> Result<Json<EnrolAnswer>, ApiError> {
    let EnrolRequest { collector, name, version, credential_sha256, dry_run } = request;
    check_name("collector", &name)?;
    if version.len() > MAX_VERSION || version.chars().any(char::is_control) {
        let remedy = format!("use at most {MAX_VERSION} characters");
        return Err(ApiError::BadRequest { message: "invalid collector version".into(), remedy });
    }
    let hash = sha256(&credential_sha256)?;
    trail.collector(collector);
    binding.check(&name)?;
    let key = proof.key();
    let attempt = match proof.known_token(&app).await? {
        // The sender of a known token does not guess, even if the token has expired or is used up.
        Some(token) => {
            trail.by(&token);
            None
        }
        None => Some(app.enrolments.begin(&key, client.address, limiter::SecondProof::Nothing).await.inspect_err(|refusal| {
            if matches!(refusal, ApiError::TooManyAttempts(_)) {
                trail.refused("enrolment refused: too many attempts");
            }
        })?),
    };
    let verified = proof.verify(&app).await.inspect_err(|_| trail.refused(REFUSED))?;
    let applicant = Applicant { collector, name: &name, version: &version, hash: &hash };
    let done = app.lake.meta().enrol(verified.enrolment(), applicant, Utc::now(), dry_run).await;
    if let Some(attempt) = &attempt
        && !matches!(done, Err(CredentialError::TokenUnknown | CredentialError::Store(_)))
    {
        app.enrolments.succeeded(attempt).await?;
    }
    match done {
        Ok(Enrolled { again, by }) => {
            if !dry_run {
                tracing::info!(target: audit::TARGET, { collector.id = %collector, collector.name = name, token.name = by, client.address = %client.address, again }, "enrolled a collector");
            }
            Ok(Json(EnrolAnswer { collector, again }))
        }
        Err(error) => {
            trail.refused(REFUSED);
            Err(error.into())
        }
    }
}

/// Renews the credential of an enrolled collector.
///
/// The bearer is the current credential. It stays valid until the new one is first used.
#[utoipa::path(post, path = "/api/v1/collectors/rotate", tag = "ingest", security(("token" = [])), request_body = RotateRequest, responses(
    (status = OK, body = RotateAnswer),
    (status = BAD_REQUEST, description = "The body is invalid", body = ErrorBody),
    (status = CONFLICT, description = "Another collector has this credential", body = ErrorBody),
    (status = PAYLOAD_TOO_LARGE, description = "The body is too large", body = ErrorBody),
    (status = UNSUPPORTED_MEDIA_TYPE, description = "The body is not JSON", body = ErrorBody),
))]
async fn rotate(
    State(app): State<App>,
    Shipper { name, credential, .. }: Shipper,
    JsonBody(request): JsonBody<RotateRequest>,
) -> Result<Json<RotateAnswer>, ApiError> {
    let Some(credential) = credential else {
        return Err(ApiError::BadRequest {
            message: "a shared token cannot be renewed".into(),
            remedy: "enrol the collector: [backend] enrolment_token".into(),
        });
    };
    app.lake.meta().rotate_credential(&credential, &sha256(&request.credential_sha256)?, Utc::now()).await?;
    tracing::info!(target: audit::TARGET, { collector.id = %credential.collector, collector.name = name }, "renewed a collector's credential");
    Ok(Json(RotateAnswer { collector: credential.collector }))
}

fn sha256(text: &str) -> Result<[u8; 32], ApiError> {
    <[u8; 32]>::from_hex(text).map_err(|_| ApiError::BadRequest {
        message: "credential_sha256 is not a SHA-256".into(),
        remedy: "send the 64 hexadecimal digits of the credential's SHA-256, never the credential".into(),
    })
}

#[cfg(test)]
mod tests {
    use super::sha256;

    #[test]
    fn only_64_hexadecimal_digits_are_a_hash() {
        assert!(sha256(&"aF".repeat(32)).is_ok_and(|hash| hash == [0xaf; 32]));
        for text in ["", "af", &"é".repeat(32), &"+f".repeat(32), &"af".repeat(33)] {
            assert!(sha256(text).is_err(), "{text}");
        }
    }
}
