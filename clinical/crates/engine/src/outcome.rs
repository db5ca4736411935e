//! The one place that turns a refusal into an answer.

use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde_json::json;

/// A refusal of this process, before or after the handlers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    NoPrincipal,
    NotOffered,
    NotInternal,
    MediaType,
    TooLarge,
    TooDeep,
    Malformed,
    Twice,
    Words,
    Count,
    Zero,
    Share,
    Failed,
    Handler(StatusCode),
}

impl Refused {
    fn parts(self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Self::NoPrincipal => (StatusCode::FORBIDDEN, "forbidden", "no valid principal"),
            Self::NotOffered => (StatusCode::NOT_FOUND, "not-supported", "this interaction is not offered"),
            Self::NotInternal => (StatusCode::FORBIDDEN, "forbidden", "internal"),
            Self::MediaType => {
                (StatusCode::UNSUPPORTED_MEDIA_TYPE, "not-supported", "the body must be FHIR JSON in UTF-8")
            }
            Self::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "too-costly", "the body is larger than 16 MiB"),
            Self::TooDeep => (StatusCode::BAD_REQUEST, "too-costly", "the JSON is nested too deeply"),
            Self::Malformed => (StatusCode::BAD_REQUEST, "structure", "the body is not valid JSON"),
            Self::Twice => {
                (StatusCode::BAD_REQUEST, "structure", "an object of the body names a field twice")
            }
            Self::Words => (
                StatusCode::BAD_REQUEST,
                "invalid",
                "a search of the text takes words of letters and digits, without AND, OR, NOT and NEAR",
            ),
            Self::Count => {
                (StatusCode::BAD_REQUEST, "invalid", "`_count` must be a number that is not negative")
            }
            Self::Zero => (StatusCode::BAD_REQUEST, "invalid", "a search takes no zero character"),
            Self::Share => (StatusCode::UNPROCESSABLE_ENTITY, "invalid", "the share set was refused"),
            Self::Failed => {
                (StatusCode::INTERNAL_SERVER_ERROR, "exception", "the request could not be served")
            }
            Self::Handler(status) => (status, "processing", "the request was refused"),
        }
    }

    /// The refusal with more specific words; never clinical data.
    pub(crate) fn because(self, diagnostics: &str) -> Response {
        let (status, code, _) = self.parts();
        let outcome = json!({
            "resourceType": "OperationOutcome",
            "issue": [{"severity": "error", "code": code, "diagnostics": diagnostics}]
        });
        let mut response = (status, Json(outcome)).into_response();
        let content_type = axum::http::HeaderValue::from_static("application/fhir+json");
        response.headers_mut().insert(axum::http::header::CONTENT_TYPE, content_type);
        response
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        self.because(self.parts().2)
    }
}
