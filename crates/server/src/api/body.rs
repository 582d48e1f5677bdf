//! Request bodies, limited in size, time and media type.

use std::time::Duration;

use axum::body::Body;
use axum::extract::{FromRequest, Request};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde::de::DeserializeOwned;

use crate::auth::origin;
use crate::error::ApiError;

/// The most bytes of a JSON body. The largest is a statement with parameters.
pub(crate) const MAX_JSON: usize = 1 << 20;
/// The time in which a body must arrive. A client that sends slowly must not hold a connection for ever.
const ARRIVAL: Duration = Duration::from_secs(30);

/// Reads a body of at most `limit` bytes.
pub(crate) async fn read(body: Body, limit: usize) -> Result<Bytes, ApiError> {
    let read = tokio::time::timeout(ARRIVAL, Limited::new(body, limit).collect()).await;
    match read {
        Err(_) => Err(ApiError::Timeout(ARRIVAL)),
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(ApiError::TooLarge(limit)),
        Ok(Err(_)) => Err(ApiError::BadRequest { message: "the body is incomplete".into(), remedy: "send the whole body again".into() }),
    }
}

/// A JSON body. Its content type must be JSON, which HTML forms cannot send.
pub(crate) struct JsonBody<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for JsonBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        if !origin::is(request.headers(), origin::JSON) {
            return Err(ApiError::UnsupportedMediaType(origin::JSON));
        }
        let bytes = read(request.into_body(), MAX_JSON).await?;
        serde_json::from_slice(&bytes).map(Self).map_err(|error| ApiError::BadRequest {
            message: format!("invalid body: {error}"),
            remedy: "GET /api/v1/openapi.json describes the body".into(),
        })
    }
}

/// A path parameter. If it cannot be parsed, there is no such path.
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
