//! In which form a caller wants an answer. This server speaks FHIR JSON, and the bytes of a Binary; everything else, XML
//! first, is refused before anything is read (<https://hl7.org/fhir/R4/http.html#mime-type>).

use super::ask::{Ask, What};
use crate::error::{Code, Error, Result};
use axum::http::{HeaderMap, HeaderValue, header};

/// What a caller wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// FHIR JSON.
    Json,
    /// The bytes that a Binary holds, in their own media type.
    Raw,
}

/// Understands `_format` and `accept`; `_format` goes first.
///
/// # Errors
/// [`Code::NotAcceptable`].
pub(crate) fn wanted(ask: &Ask, headers: &HeaderMap, query: &str) -> Result<Form> {
    let named = form_urlencoded::parse(query.as_bytes()).any(|(name, _)| name == "_format");
    if !named && ask.kind == "Binary" && matches!(ask.what, What::Read | What::Version) {
        return Ok(if accepted(headers)?.any(is_json) { Form::Json } else { Form::Raw });
    }
    wanted_json(headers, query)
}

/// The same of what has no other form.
///
/// # Errors
/// [`Code::NotAcceptable`].
pub(crate) fn wanted_json(headers: &HeaderMap, query: &str) -> Result<Form> {
    let format = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "_format");
    if let Some((_, format)) = format {
        // `+` in a query is a space.
        let format = format.replace(' ', "+");
        return if is_json(&format) { Ok(Form::Json) } else { Err(refusal()) };
    }
    let any = |kind: &str| is_json(kind) || matches!(kind, "*/*" | "application/*" | "");
    if accepted(headers)?.any(any) { Ok(Form::Json) } else { Err(refusal()) }
}

fn accepted(headers: &HeaderMap) -> Result<impl Iterator<Item = &str>> {
    let accept = headers.get(header::ACCEPT).map_or(b"*/*".as_slice(), HeaderValue::as_bytes);
    let accept = std::str::from_utf8(accept).map_err(|_| refusal())?;
    Ok(accept.split(',').map(|kind| kind.split(';').next().unwrap_or_default().trim()))
}

fn is_json(kind: &str) -> bool {
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    matches!(kind.as_str(), "json" | "application/fhir+json" | "application/json" | "text/json")
}

fn refusal() -> Error {
    Error::new(
        Code::NotAcceptable,
        "this server answers in JSON only: `application/fhir+json`; XML and Turtle are not offered",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::Method;

    #[test]
    fn json_is_answered_bytes_of_a_binary_too_and_nothing_else() {
        for (path, accept, query, expected) in [
            ("/Patient/1", None, "", Some(Form::Json)),
            ("/Patient/1", Some("*/*"), "", Some(Form::Json)),
            ("/Patient/1", Some("text/html, application/*;q=0.8"), "", Some(Form::Json)),
            ("/Patient/1", Some("application/fhir+json; fhirVersion=4.0"), "", Some(Form::Json)),
            ("/Patient/1", Some("application/fhir+xml"), "", None),
            ("/Patient/1", Some("application/fhir+xml, application/json;q=0.1"), "", Some(Form::Json)),
            ("/Patient/1", Some("application/fhir+xml"), "_format=json", Some(Form::Json)),
            ("/Patient/1", Some("application/json"), "_format=xml", None),
            ("/Patient/1", None, "_format=application/fhir+json", Some(Form::Json)),
            ("/Patient/1", None, "_format=application%2Ffhir%2Bxml", None),
            ("/Patient/1", None, "_format=ttl", None),
            ("/Patient/1", Some("image/png"), "", None),
            ("/Binary/1", None, "", Some(Form::Raw)),
            ("/Binary/1", Some("image/png"), "", Some(Form::Raw)),
            ("/Binary/1", Some("application/fhir+json"), "", Some(Form::Json)),
            ("/Binary/1", Some("*/*"), "_format=json", Some(Form::Json)),
            ("/Binary/1/_history/2", Some("application/pdf"), "", Some(Form::Raw)),
            ("/Binary", Some("application/pdf"), "", None),
        ] {
            let ask = Ask::parse(&Method::GET, path, None).expect(path);
            let mut headers = HeaderMap::new();
            if let Some(accept) = accept {
                headers.insert(header::ACCEPT, HeaderValue::from_static(accept));
            }
            assert_eq!(wanted(&ask, &headers, query).ok(), expected, "{path} {accept:?} {query}");
        }
    }
}
