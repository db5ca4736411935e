//! The FHIR side of the socket, cheapest check first: principal, interaction, body; then the handlers.

use std::sync::Arc;

use axum::{
    body::{Body, Bytes},
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, header, request},
    response::{IntoResponse, Response},
};
use engine_core::principal::{self, Principal};

use crate::{
    gate::{self, Interaction},
    outcome::Refused,
    query, rules,
    server::App,
    strict, verdict,
};

/// The largest request body.
const BODY_BYTES_MAX: usize = 16 * 1024 * 1024;

/// The deepest JSON. FHIR itself stays below 30.
const JSON_DEPTH_MAX: usize = 64;

/// Request headers that reach the handlers.
const PASSED: &[&str] =
    &["accept", "content-type", "if-match", "if-none-match", "if-modified-since", "if-none-exist"];

const FHIR_JSON: HeaderValue = HeaderValue::from_static("application/fhir+json");

/// Answers one request below `/fhir`.
pub(crate) async fn serve(State(app): State<Arc<App>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    match admit(&parts, body).await {
        Err(refused) => refused.into_response(),
        Ok((_, Interaction::Metadata, _)) => {
            ([(header::CONTENT_TYPE, FHIR_JSON)], app.engine.metadata()).into_response()
        }
        Ok((principal, Interaction::Validate, body)) => {
            let query = parts.uri.query().unwrap_or_default().to_owned();
            let answer = forward(&app, principal, Interaction::Validate, parts, body.clone()).await;
            with_rules(&app, answer, &query, &body).await.unwrap_or_else(|| Refused::Failed.into_response())
        }
        Ok((principal, interaction, body)) => forward(&app, principal, interaction, parts, body).await,
    }
}

/// What the handlers' validator says, and what it passes over.
async fn with_rules(app: &App, answer: Response, query: &str, body: &[u8]) -> Option<Response> {
    if !answer.status().is_success() {
        return Some(answer);
    }
    let (mut parts, said) = answer.into_parts();
    let mut outcome = serde_json::from_slice(&axum::body::to_bytes(said, BODY_BYTES_MAX).await.ok()?).ok()?;
    // A validation of what is stored has no body; it was looked at when it came.
    let body = serde_json::from_slice(body).unwrap_or_default();
    verdict::excuse(&mut outcome, &body);
    rules::add(&mut outcome, &body);
    verdict::say_absent(&mut outcome, query, &body, |profile| app.engine.has_profile(profile));
    parts.headers.remove(header::CONTENT_LENGTH);
    Some(Response::from_parts(parts, Body::from(serde_json::to_vec(&outcome).ok()?)))
}

async fn admit(parts: &request::Parts, body: Body) -> Result<(Principal, Interaction, Bytes), Refused> {
    let principal = parts.headers.get(principal::HEADER).and_then(|value| principal::parse(value.as_bytes()));
    let principal = principal.ok_or(Refused::NoPrincipal)?;
    let interaction = gate::interaction(&parts.method, relative(&parts.uri)).ok_or(Refused::NotOffered)?;
    query::check(parts.uri.query().unwrap_or_default())?;
    let body = axum::body::to_bytes(body, BODY_BYTES_MAX).await.map_err(|_| Refused::TooLarge)?;
    check_body(parts, &body)?;
    if parts.uri.path().ends_with("/_search") {
        query::check(std::str::from_utf8(&body).map_err(|_| Refused::Malformed)?)?;
    }
    Ok((principal, interaction, body))
}

fn check_body(parts: &request::Parts, body: &[u8]) -> Result<(), Refused> {
    if body.is_empty() {
        return Ok(());
    }
    let media_type = parts.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let (media_type, parameters) = media_type
        .unwrap_or_default()
        .split_once(';')
        .unwrap_or_else(|| (media_type.unwrap_or_default(), ""));
    let media_type = media_type.trim();
    if !is_utf8(parameters) {
        return Err(Refused::MediaType);
    }
    let form = media_type == "application/x-www-form-urlencoded";
    let json =
        ["application/fhir+json", "application/json", "application/json-patch+json"].contains(&media_type);
    match (parts.uri.path().ends_with("/_search"), form, json) {
        (true, true, _) => Ok(()),
        (false, _, true) if depth(body) > JSON_DEPTH_MAX => Err(Refused::TooDeep),
        (false, _, true) => strict::check(body).map_err(|wrong| match wrong {
            strict::Wrong::Malformed => Refused::Malformed,
            strict::Wrong::Twice => Refused::Twice,
        }),
        _ => Err(Refused::MediaType),
    }
}

/// Whether a content type names no other charset than FHIR's own (<https://hl7.org/fhir/R4/http.html#mime-type>).
fn is_utf8(parameters: &str) -> bool {
    let mut charsets = parameters.split(';').filter_map(|one| one.trim().split_once('='));
    charsets.all(|(name, value)| {
        !name.trim().eq_ignore_ascii_case("charset")
            || value.trim().trim_matches('"').eq_ignore_ascii_case("utf-8")
    })
}

/// The deepest nesting of a JSON text, found without recursion.
fn depth(json: &[u8]) -> usize {
    let (mut depth, mut deepest, mut in_string, mut escaped) = (0usize, 0, false, false);
    for byte in json {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => depth += 1,
            b'}' | b']' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}

async fn forward(
    app: &App,
    principal: Principal,
    interaction: Interaction,
    parts: request::Parts,
    body: Bytes,
) -> Response {
    let Some(request) = rewritten(&parts, body) else { return Refused::NotOffered.into_response() };
    let started = std::time::Instant::now();
    let answer = app.engine.fhir(principal, request, interaction.work()).await;
    let response = answer.unwrap_or_else(|error| {
        tracing::error!(%error, "a request broke off, or its write could not be made durable");
        Refused::Failed.into_response()
    });
    let (status, millis) = (response.status().as_u16(), started.elapsed().as_millis());
    tracing::debug!(method = %parts.method, ?interaction, status, millis, "served");
    if is_fhir(&response) { response } else { Refused::Handler(response.status()).into_response() }
}

/// The request as the handlers see it: relative to the base, strict, and with nothing but known headers.
fn rewritten(parts: &request::Parts, body: Bytes) -> Option<Request> {
    let path = relative(&parts.uri);
    let path = if path.is_empty() { "/" } else { path };
    // The handlers keep definitions of their own at this address, which would hide those that are stored. The other
    // spelling of the same path leads to the stored ones.
    let path = match path.strip_prefix("/OperationDefinition/") {
        Some(rest) => format!("/Operation%44efinition/{rest}"),
        None => path.to_owned(),
    };
    let uri = match parts.uri.query() {
        Some(query) => Uri::try_from(format!("{path}?{query}")),
        None => Uri::try_from(path),
    };
    let mut request = Request::new(Body::from(body));
    *request.method_mut() = parts.method.clone();
    *request.uri_mut() = uri.ok()?;
    *request.headers_mut() = headers(&parts.headers, &parts.method);
    Some(request)
}

fn headers(given: &HeaderMap, method: &Method) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for name in PASSED.iter().copied() {
        for value in given.get_all(name) {
            headers.append(HeaderName::from_static(name), value.clone());
        }
    }
    if method == Method::POST && !headers.contains_key(header::CONTENT_TYPE) {
        headers.insert(header::CONTENT_TYPE, FHIR_JSON);
    }
    let wanted = given.get("prefer").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let wanted = if wanted.contains("return=minimal") {
        "handling=strict, return=minimal"
    } else if wanted.contains("return=OperationOutcome") {
        "handling=strict, return=OperationOutcome"
    } else {
        "handling=strict"
    };
    headers.insert("prefer", HeaderValue::from_static(wanted));
    headers
}

/// The path below `/fhir`.
fn relative(uri: &Uri) -> &str {
    uri.path().strip_prefix("/fhir").unwrap_or_default()
}

/// An error that is not JSON came from the framework, not from FHIR.
fn is_fhir(response: &Response) -> bool {
    let status = response.status();
    let media_type = response.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    !(status.is_client_error() || status.is_server_error())
        || media_type.is_some_and(|value| value.contains("json"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nesting_is_counted_outside_strings_only() {
        assert_eq!(depth(br#"{"a":[{"b":"[[[[\"{{"}]}"#), 3);
        assert_eq!(depth("[".repeat(100_000).as_bytes()), 100_000);
    }
}
