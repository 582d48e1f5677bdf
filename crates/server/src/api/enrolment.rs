//! How a collector comes to a credential of its own, and renews it.
//!
//! The collector makes the credential; only its SHA-256 comes here. Asking again with the same one changes nothing, so an answer that was
//! lost is no loss. What an enrolment token cannot do: ship, read, or take over a collector that is enrolled.

use axum::Json;
use axum::extract::State;
use chrono::Utc;
use pganalytics_lake::{Applicant, CredentialError, Enrolled};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::body::JsonBody;
use crate::accounts::check_name;
use crate::app::App;
use crate::audit;
use crate::auth::{Bond, Client, Proof, Shipper};
use crate::error::{ApiError, ErrorBody};

/// A version is a few characters.
const MAX_VERSION: usize = 64;

pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(enrol)).routes(routes!(rotate))
}

/// A collector that wants a credential of its own.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EnrolRequest {
    /// The collector's identity, as its batches have it.
    collector: Uuid,
    /// What people call it.
    name: String,
    /// The collector's version.
    version: String,
    /// The SHA-256 of the credential it made (`pga_k_` and 64 hexadecimal digits), in hexadecimal.
    credential_sha256: String,
    /// Say whether it would be enrolled, and change nothing.
    #[serde(default)]
    dry_run: bool,
}

/// A collector may ship with its credential.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EnrolAnswer {
    collector: Uuid,
    /// It was enrolled before, with the same credential; nothing changed.
    again: bool,
}

/// A credential beside the one in use.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RotateRequest {
    /// The SHA-256 of the new credential, in hexadecimal.
    credential_sha256: String,
}

/// Both credentials are good, until the new one is used.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RotateAnswer {
    collector: Uuid,
}

/// Exchanges an enrolment token for a credential of a collector's own.
///
/// The bearer is the enrolment token, or a projected ServiceAccount token where the backend runs in Kubernetes. Asked again with the same credential, it is answered again, and the token is not used twice.
#[utoipa::path(post, path = "/api/v1/collectors/enrol", tag = "ingest", security(("token" = [])), request_body = EnrolRequest, responses(
    (status = OK, body = EnrolAnswer),
    (status = BAD_REQUEST, description = "The body is not what is taken", body = ErrorBody),
    (status = FORBIDDEN, description = "The token is expired, revoked or used up, or the collector was revoked", body = ErrorBody),
    (status = CONFLICT, description = "The collector is enrolled with another credential, or the credential is another's", body = ErrorBody),
    (status = PAYLOAD_TOO_LARGE, description = "The body is too large", body = ErrorBody),
    (status = UNSUPPORTED_MEDIA_TYPE, description = "The body is not JSON", body = ErrorBody),
    (status = TOO_MANY_REQUESTS, description = "Too many attempts; see Retry-After", body = ErrorBody),
))]
async fn enrol(
    State(app): State<App>,
    proof: Proof,
    bond: Bond,
    client: Client,
    JsonBody(request): JsonBody<EnrolRequest>,
) -> Result<Json<EnrolAnswer>, ApiError> {
    let EnrolRequest { collector, name, version, credential_sha256, dry_run } = request;
    check_name("collector", &name)?;
    if version.len() > MAX_VERSION || version.chars().any(char::is_control) {
        let remedy = format!("use at most {MAX_VERSION} characters");
        return Err(ApiError::BadRequest { message: "a collector's version cannot be so".into(), remedy });
    }
    let hash = sha256(&credential_sha256)?;
    bond.check(&name)?;
    let key = proof.key();
    if let Err(refusal) = app.enrolments.begin(&key, client.address).await {
        if let ApiError::TooManyAttempts(wait) = &refusal {
            tracing::warn!(target: audit::TARGET, { client.address = %client.address, wait_s = wait.as_secs() }, "refuse an enrolment: too many attempts");
        }
        return Err(refusal);
    }
    let shown = proof.look(&app).await?;
    let applicant = Applicant { collector, name: &name, version: &version, hash: &hash };
    let done = app.lake.meta().enrol(shown.enrolment(), applicant, Utc::now(), dry_run).await;
    if !matches!(done, Err(CredentialError::TokenUnknown | CredentialError::Store(_))) {
        // Whoever has the token of a day that was does not guess.
        app.enrolments.succeeded(&key, client.address).await?;
    }
    match done {
        Ok(Enrolled { again, by }) => {
            if !dry_run {
                tracing::info!(target: audit::TARGET, { collector.id = %collector, collector.name = name, token.name = by, client.address = %client.address, again }, "enrolled a collector");
            }
            Ok(Json(EnrolAnswer { collector, again }))
        }
        Err(error) => {
            tracing::warn!(target: audit::TARGET, { collector.id = %collector, client.address = %client.address, reason = %error }, "refuse to enrol a collector");
            Err(error.into())
        }
    }
}

/// Gives an enrolled collector another credential.
///
/// The bearer is the credential in use; it stays good until the new one is used for the first time.
#[utoipa::path(post, path = "/api/v1/collectors/rotate", tag = "ingest", security(("token" = [])), request_body = RotateRequest, responses(
    (status = OK, body = RotateAnswer),
    (status = BAD_REQUEST, description = "The body is not what is taken", body = ErrorBody),
    (status = CONFLICT, description = "The new credential is another collector's", body = ErrorBody),
    (status = PAYLOAD_TOO_LARGE, description = "The body is too large", body = ErrorBody),
    (status = UNSUPPORTED_MEDIA_TYPE, description = "The body is not JSON", body = ErrorBody),
))]
async fn rotate(
    State(app): State<App>,
    Shipper { name, own, .. }: Shipper,
    JsonBody(request): JsonBody<RotateRequest>,
) -> Result<Json<RotateAnswer>, ApiError> {
    let Some(own) = own else {
        return Err(ApiError::BadRequest {
            message: "a collector's token is not renewed by the collector".into(),
            remedy: "enrol the collector: [backend] enrolment_token".into(),
        });
    };
    app.lake.meta().rotate_credential(&own, &sha256(&request.credential_sha256)?, Utc::now()).await?;
    tracing::info!(target: audit::TARGET, { collector.id = %own.collector, collector.name = name }, "gave a collector another credential");
    Ok(Json(RotateAnswer { collector: own.collector }))
}

fn sha256(text: &str) -> Result<[u8; 32], ApiError> {
    let byte = |at: usize| u8::from_str_radix(text.get(2 * at..2 * at + 2)?, 16).ok();
    let digits = text.len() == 64 && text.bytes().all(|digit| digit.is_ascii_hexdigit());
    let bytes: Option<Vec<u8>> = (0..32).map(byte).collect();
    let parsed = bytes.filter(|_| digits).and_then(|bytes| bytes.try_into().ok());
    parsed.ok_or_else(|| ApiError::BadRequest {
        message: "credential_sha256 is no SHA-256".into(),
        remedy: "send the 64 hexadecimal digits of the credential's SHA-256, never the credential".into(),
    })
}

#[cfg(test)]
mod tests {
    use super::sha256;

    #[test]
    fn only_sixty_four_hexadecimal_digits_are_a_hash() {
        assert!(sha256(&"aF".repeat(32)).is_ok_and(|hash| hash == [0xaf; 32]));
        for text in ["", "af", &"é".repeat(32), &"+f".repeat(32), &"af".repeat(33)] {
            assert!(sha256(text).is_err(), "{text}");
        }
    }
}
