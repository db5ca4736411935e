//! Everything that a caller can be refused with: one table of statuses, one `IntoResponse`.
//!
//! A handler returns [`Error`]. Its body is `{ "error": code, "message": plain words }`; a layer per kind of
//! route says it as that kind of route must: FHIR routes as an OperationOutcome ([`as_outcome`]), SMART routes
//! as RFC 6749 ([`as_oauth`]). No message holds clinical data, a name or an identifier of a patient.

use axum::Json;
use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use std::borrow::Cow;
use std::fmt;

/// Header by which an answer says that part of what was asked is not there for the moment.
pub(crate) const WARNING: HeaderName = HeaderName::from_static("x-salus-warning");

/// Declares the status table: variant, HTTP status, code, FHIR issue type
/// (<https://hl7.org/fhir/R4/valueset-issue-type.html>).
macro_rules! codes {
    ($($(#[$meta:meta])* $name:ident = $status:ident, $code:literal, $issue:literal;)*) => {
        /// Why something is refused.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Code { $($(#[$meta])* $name),* }

        impl Code {
            /// Every code.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// HTTP status, code in the body, FHIR issue type.
            pub fn row(self) -> (StatusCode, &'static str, &'static str) {
                match self { $(Self::$name => (StatusCode::$status, $code, $issue)),* }
            }
        }
    };
}

codes! {
    /// The request is malformed.
    Invalid = BAD_REQUEST, "invalid", "invalid";
    /// No or no valid token, cookie or signature.
    SignIn = UNAUTHORIZED, "sign-in", "login";
    /// The policies refuse.
    Forbidden = FORBIDDEN, "forbidden", "forbidden";
    /// The token's scopes do not reach that far.
    Scope = FORBIDDEN, "scope", "forbidden";
    /// No grant of the patient reaches the caller.
    NoGrant = FORBIDDEN, "no-grant", "forbidden";
    /// The patient has ended the grant.
    GrantRevoked = FORBIDDEN, "grant-revoked", "forbidden";
    /// The grant's time is over.
    GrantExpired = FORBIDDEN, "grant-expired", "forbidden";
    /// The grant is for another purpose.
    WrongPurpose = FORBIDDEN, "wrong-purpose", "forbidden";
    /// There is no such thing, or not for this caller.
    NotFound = NOT_FOUND, "not-found", "not-found";
    /// This node does not offer that.
    NotSupported = NOT_FOUND, "not-supported", "not-supported";
    /// The path exists, the method does not.
    Method = METHOD_NOT_ALLOWED, "method", "not-supported";
    /// It contradicts what is there.
    Conflict = CONFLICT, "conflict", "conflict";
    /// It existed and is gone.
    Gone = GONE, "gone", "deleted";
    /// The body is too large.
    TooLarge = PAYLOAD_TOO_LARGE, "too-large", "too-long";
    /// The path and its query are too long.
    UrlTooLong = URI_TOO_LONG, "url-too-long", "too-long";
    /// The body came too slowly.
    Slow = REQUEST_TIMEOUT, "slow", "timeout";
    /// The caller takes no form that this node can answer in.
    NotAcceptable = NOT_ACCEPTABLE, "not-acceptable", "not-supported";
    /// The body is of a kind that is not understood.
    MediaType = UNSUPPORTED_MEDIA_TYPE, "media-type", "not-supported";
    /// Well-formed, but the rules refuse it.
    Unprocessable = UNPROCESSABLE_ENTITY, "unprocessable", "business-rule";
    /// Too many requests.
    Throttled = TOO_MANY_REQUESTS, "throttled", "throttled";
    /// A part of the node or of the network does not answer.
    Away = SERVICE_UNAVAILABLE, "temporarily-unavailable", "transient";
    /// It took too long.
    Timeout = GATEWAY_TIMEOUT, "timeout", "timeout";
    /// Another organisation's node answered nonsense.
    Upstream = BAD_GATEWAY, "upstream", "exception";
    /// A fault of this node.
    Internal = INTERNAL_SERVER_ERROR, "internal", "exception";
    /// RFC 6749, 5.2.
    OAuthRequest = BAD_REQUEST, "invalid_request", "invalid";
    /// RFC 6749, 5.2: the client is unknown or does not prove who it is.
    OAuthClient = UNAUTHORIZED, "invalid_client", "login";
    /// RFC 6749, 5.2.
    OAuthGrant = BAD_REQUEST, "invalid_grant", "invalid";
    /// RFC 6749, 5.2.
    OAuthScope = BAD_REQUEST, "invalid_scope", "invalid";
    /// RFC 6749, 5.2.
    OAuthGrantType = BAD_REQUEST, "unsupported_grant_type", "not-supported";
    /// RFC 7591, 3.2.2.
    OAuthRedirect = BAD_REQUEST, "invalid_redirect_uri", "invalid";
    /// RFC 7591, 3.2.2.
    OAuthMetadata = BAD_REQUEST, "invalid_client_metadata", "invalid";
    /// RFC 6749, 5.2: the client may not do that.
    OAuthUnauthorized = BAD_REQUEST, "unauthorized_client", "forbidden";
}

/// A refusal: a code, words for a person, and the policies that decided, if any.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    code: Code,
    message: Cow<'static, str>,
    policies: Vec<String>,
    retry_after_s: Option<u32>,
}

/// A handler's answer.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// A refusal in plain words.
    pub fn new(code: Code, message: impl Into<Cow<'static, str>>) -> Self {
        Self { code, message: message.into(), policies: Vec::new(), retry_after_s: None }
    }

    /// A fault of this node. What happened goes to the log, not to the caller.
    pub fn internal(cause: impl fmt::Display) -> Self {
        tracing::error!(%cause, "internal fault");
        Self::new(Code::Internal, "this node has a fault; its operator finds the cause in the log")
    }

    /// Names the policies that decided.
    #[must_use]
    pub fn by_policies(mut self, policies: Vec<String>) -> Self {
        self.policies = policies;
        self
    }

    /// Says when to come again.
    #[must_use]
    pub fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after_s = Some(seconds);
        self
    }

    /// Words for a bare status.
    pub(crate) fn of_status(status: StatusCode) -> Self {
        let (code, words) = match status.as_u16() {
            401 => (Code::SignIn, "an access token or a sign-in is needed"),
            403 => (Code::Forbidden, "this is refused"),
            404 => (Code::NotFound, "there is no such record, or not for this caller"),
            405 => (Code::Method, "this path answers other methods only"),
            406 => (Code::NotAcceptable, "this server answers in JSON only: `application/fhir+json`"),
            408 => (Code::Slow, "the body came too slowly"),
            409 => (Code::Conflict, "this contradicts what is there"),
            410 => (Code::Gone, "this record is deleted"),
            412 => (Code::Conflict, "the record has changed in the meantime"),
            413 => (Code::TooLarge, "the body is too large"),
            414 => (Code::UrlTooLong, "the path and its query are too long"),
            415 => (Code::MediaType, "the body must be application/fhir+json"),
            422 => (Code::Unprocessable, "the rules refuse this"),
            429 => (Code::Throttled, "too many requests from here; wait a moment"),
            501 => (Code::NotSupported, "this server does not offer that; see `/fhir/metadata`"),
            503 => (Code::Away, "this is not available for the moment"),
            504 => (Code::Timeout, "the answer took too long"),
            400..=499 => (Code::Invalid, "the request is malformed"),
            _ => (Code::Internal, "this node has a fault; its operator finds the cause in the log"),
        };
        Self::new(code, words)
    }

    /// The code.
    pub fn code(&self) -> Code {
        self.code
    }

    /// The words.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The HTTP status.
    pub fn status(&self) -> StatusCode {
        self.code.row().0
    }

    /// The refusal as a FHIR OperationOutcome (<https://hl7.org/fhir/R4/operationoutcome.html>).
    pub fn outcome(&self) -> Value {
        let mut issues = vec![issue("error", self.code, &self.message)];
        issues.extend(self.policies.iter().map(|policy| {
            json!({ "severity": "information", "code": "informational", "diagnostics": format!("policy {policy}") })
        }));
        json!({ "resourceType": "OperationOutcome", "issue": issues })
    }
}

/// One issue of an OperationOutcome.
pub(crate) fn issue(severity: &str, code: Code, text: &str) -> Value {
    let (_, name, kind) = code.row();
    json!({
        "severity": severity,
        "code": kind,
        "details": {
            "coding": [{ "system": "https://salus.network/fhir/refusal", "code": name }],
            "text": text,
        },
        "diagnostics": text,
    })
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code.row().1, self.message)
    }
}

impl std::error::Error for Error {}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let (status, code, _) = self.code.row();
        let mut response = (status, Json(json!({ "error": code, "message": self.message }))).into_response();
        let headers = response.headers_mut();
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(seconds) = self.retry_after_s {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response.extensions_mut().insert(self);
        response
    }
}

/// Layer of FHIR routes: refusals become OperationOutcomes.
pub(crate) async fn as_outcome(request: Request, next: Next) -> Response {
    outcome_of(next.run(request).await)
}

/// The same for one answer. A refusal of a library, which knows no FHIR, is put into words by its status.
pub(crate) fn outcome_of(mut response: Response) -> Response {
    const FHIR: &str = "application/fhir+json";
    let status = response.status();
    let refused = status.is_client_error() || status.is_server_error();
    let kind = response.headers().get(header::CONTENT_TYPE).map(HeaderValue::as_bytes);
    let said = kind.is_some_and(|kind| kind.starts_with(FHIR.as_bytes()));
    if refused && !said && response.extensions().get::<Error>().is_none() {
        response.extensions_mut().insert(Error::of_status(status));
        response.headers_mut().remove(header::CONTENT_ENCODING);
    } else if said {
        return response;
    }
    rewrite(response, "application/fhir+json; charset=utf-8", Error::outcome)
}

/// Layer of SMART routes: refusals carry `error_description`.
pub(crate) async fn as_oauth(request: Request, next: Next) -> Response {
    rewrite(
        next.run(request).await,
        "application/json",
        |error| json!({ "error": error.code.row().1, "error_description": error.message }),
    )
}

fn rewrite(mut response: Response, content_type: &'static str, body: impl Fn(&Error) -> Value) -> Response {
    let Some(error) = response.extensions_mut().remove::<Error>() else { return response };
    let body = body(&error).to_string();
    let (mut parts, _) = response.into_parts();
    parts.headers.remove(header::CONTENT_LENGTH);
    parts.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    parts.extensions.insert(error);
    Response::from_parts(parts, body.into())
}

impl From<crate::chain::ChainError> for Error {
    fn from(error: crate::chain::ChainError) -> Self {
        use crate::chain::ChainError as Chain;
        match error {
            Chain::Invalid(reason) => Self::new(Code::Invalid, reason),
            Chain::Refused(reason) => Self::new(Code::Unprocessable, reason),
            Chain::Full => Self::new(Code::Throttled, "the ledger takes no more transactions for the moment")
                .retry_after(1),
            Chain::Away => Self::new(Code::Away, "the ledger is not available for the moment").retry_after(5),
        }
    }
}

impl From<crate::store::StoreError> for Error {
    fn from(error: crate::store::StoreError) -> Self {
        Self::internal(error)
    }
}

impl From<crate::engine::EngineError> for Error {
    fn from(error: crate::engine::EngineError) -> Self {
        use crate::engine::EngineError as Engine;
        match error {
            Engine::Away => {
                Self::new(Code::Away, "the clinical store is not available for the moment").retry_after(2)
            }
            Engine::Timeout => Self::new(Code::Timeout, "the clinical store took too long to answer"),
            Engine::None => Self::new(Code::NotSupported, "this organisation keeps no clinical records"),
            Engine::TooLarge => Self::new(Code::TooLarge, "the answer of the clinical store is too large"),
            Engine::Refused { .. } | Engine::Malformed => Self::internal(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn codes_are_unique_and_no_refusal_looks_like_success() {
        let mut names = HashSet::new();
        for code in Code::ALL {
            let (status, name, issue) = code.row();
            assert!(status.is_client_error() || status.is_server_error(), "{name}");
            assert!(names.insert(name), "{name} twice");
            assert!(!issue.is_empty());
        }
    }
}
