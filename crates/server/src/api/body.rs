//! Request bodies: capped in size and in the time they may take to arrive, of the media type that is asked for.

use std::time::Duration;

use axum::body::Body;
use axum::extract::{FromRequest, Request};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde::de::DeserializeOwned;

use crate::auth::origin;
use crate::error::ApiError;

/// JSON bodies: a statement with its parameters, at most.
pub(crate) const MAX_JSON: usize = 1 << 20;
/// A body must be here by then: a client that trickles bytes must not hold a connection for ever.
const ARRIVAL: Duration = Duration::from_secs(30);

/// Reads a body of at most `limit` bytes.
pub(crate) async fn read(body: Body, limit: usize) -> Result<Bytes, ApiError> {
    let read = tokio::time::timeout(ARRIVAL, Limited::new(body, limit).collect()).await;
    match read {
        Err(_) => Err(ApiError::Timeout(ARRIVAL)),
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(ApiError::TooLarge(limit)),
        Ok(Err(_)) => Err(ApiError::BadRequest { message: "the body broke off".into(), remedy: "send it again, whole".into() }),
    }
}

/// A JSON body; the content type must say so, since a plain form cannot.
pub(crate) struct JsonBody<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for JsonBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        if !origin::is(request.headers(), origin::JSON) {
            return Err(ApiError::UnsupportedMediaType(origin::JSON));
        }
        let bytes = read(request.into_body(), MAX_JSON).await?;
        serde_json::from_slice(&bytes).map(Self).map_err(|error| ApiError::BadRequest {
            message: format!("the body is not what this route takes: {error}"),
            remedy: "GET /api/v1/openapi.json describes it".into(),
        })
    }
}

/// A path parameter; one that does not parse names nothing.
pub(crate) struct PathOf<T>(pub(crate) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> axum::extract::FromRequestParts<S> for PathOf<T> {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut axum::http::request::Parts, state: &S) -> Result<Self, Response> {
        match axum::extract::Path::<T>::from_request_parts(parts, state).await {
            Ok(axum::extract::Path(value)) => Ok(Self(value)),
            Err(_) => Err(ApiError::NoSuchRoute.into_response()),
        }
    }
}
