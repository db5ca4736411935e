//! Request bodies: canonical encodings and JSON. What is refused is never repeated in the refusal.

pub(crate) mod limit;

use crate::error::{Code, Error};
use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, JsonRejection};
use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use commonware_codec::{Encode, Read};
use salus_types::decode_canonical;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Media type of canonical encodings.
pub(crate) const OCTETS: &str = "application/octet-stream";

/// A body as it came, within the limit of its route.
pub(crate) struct Octets(pub(crate) Bytes);

impl<S: Send + Sync> FromRequest<S> for Octets {
    type Rejection = Error;

    async fn from_request(request: Request, state: &S) -> Result<Self, Error> {
        Bytes::from_request(request, state).await.map(Self).map_err(|rejection: BytesRejection| {
            match rejection.status() {
                StatusCode::PAYLOAD_TOO_LARGE => Error::new(Code::TooLarge, "the body is too large"),
                _ => Error::new(Code::Invalid, "the body broke off"),
            }
        })
    }
}

/// A body that is the one canonical encoding of a value.
pub(crate) struct Canonical<T>(pub(crate) T);

/// From this size on, decoding gets a thread of its own.
const DECODE_INLINE_BYTES_MAX: usize = 1024 * 1024;

impl<S: Send + Sync, T: Read<Cfg = ()> + Encode + Send + 'static> FromRequest<S> for Canonical<T> {
    type Rejection = Error;

    async fn from_request(request: Request, state: &S) -> Result<Self, Error> {
        let Octets(bytes) = Octets::from_request(request, state).await?;
        if bytes.len() <= DECODE_INLINE_BYTES_MAX {
            return decode(&bytes).map(Self);
        }
        tokio::task::spawn_blocking(move || decode(&bytes).map(Self)).await.map_err(Error::internal)?
    }
}

/// Decodes what came from outside.
///
/// # Errors
/// [`Code::Invalid`] for every byte string but the canonical encoding.
pub(crate) fn decode<T: Read<Cfg = ()> + Encode>(bytes: &[u8]) -> Result<T, Error> {
    decode_canonical(bytes)
        .map_err(|_| Error::new(Code::Invalid, "the body is not the encoding that is expected here"))
}

/// A JSON body.
pub(crate) struct Json<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Json<T> {
    type Rejection = Error;

    async fn from_request(request: Request, state: &S) -> Result<Self, Error> {
        let refuse = |rejection: JsonRejection| match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => Error::new(Code::TooLarge, "the body is too large"),
            StatusCode::UNSUPPORTED_MEDIA_TYPE => {
                Error::new(Code::MediaType, "the body must be application/json")
            }
            _ => Error::new(Code::Invalid, "the body is not the JSON that is expected here"),
        };
        axum::Json::from_request(request, state).await.map(|axum::Json(value)| Self(value)).map_err(refuse)
    }
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        axum::Json(self.0).into_response()
    }
}

/// The parameters of a query.
pub(crate) struct Params<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Params<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let query = Query::from_request_parts(parts, state).await;
        query
            .map(|Query(value)| Self(value))
            .map_err(|_| Error::new(Code::Invalid, "the query does not parse"))
    }
}

/// An answer in canonical encoding.
pub(crate) fn octets(value: &impl Encode) -> Response {
    raw(value.encode())
}

/// An answer of bytes.
pub(crate) fn raw(bytes: Bytes) -> Response {
    ([(header::CONTENT_TYPE, OCTETS)], bytes).into_response()
}
