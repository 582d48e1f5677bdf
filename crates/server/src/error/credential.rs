//! Errors of collectors' credentials and of enrolment.

use axum::http::StatusCode;
use pganalytics_lake::CredentialError;

use super::body::ErrorCode as Code;

pub(super) fn answer(error: &CredentialError) -> (StatusCode, Code, String, Option<String>) {
    let new_token = "create another token: pganalytics token create NAME --kind enrolment";
    let forget = "pganalytics collector forget NAME allows the collector to enrol again; it needs a valid enrolment token";
    let (status, code, remedy) = match error {
        CredentialError::Unknown => {
            (StatusCode::UNAUTHORIZED, Code::CredentialUnknown, "the collector was forgotten here: let it enrol again")
        }
        CredentialError::Replaced => (StatusCode::UNAUTHORIZED, Code::CredentialReplaced, forget),
        CredentialError::CollectorRevoked => (StatusCode::FORBIDDEN, Code::CollectorRevoked, forget),
        CredentialError::EnrolledOtherwise => (StatusCode::CONFLICT, Code::CollectorEnrolled, forget),
        CredentialError::Taken => {
            (StatusCode::CONFLICT, Code::CredentialTaken, "create the collector's credential from its own random bytes")
        }
        CredentialError::TokenUnknown => (StatusCode::UNAUTHORIZED, Code::EnrolmentTokenUnknown, new_token),
        CredentialError::TokenExpired(_) => (StatusCode::FORBIDDEN, Code::EnrolmentTokenExpired, new_token),
        CredentialError::TokenRevoked => (StatusCode::FORBIDDEN, Code::EnrolmentTokenRevoked, new_token),
        CredentialError::TokenUsedUp(_) => (StatusCode::FORBIDDEN, Code::EnrolmentTokenUsedUp, new_token),
        // Unreachable: this error becomes `ApiError::Store`.
        CredentialError::Store(_) => (StatusCode::SERVICE_UNAVAILABLE, Code::Store, "try again later"),
    };
    (status, code, error.to_string(), Some(remedy.to_owned()))
}
