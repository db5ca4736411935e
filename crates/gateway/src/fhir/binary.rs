//! Binary as bytes (<https://hl7.org/fhir/R4/binary.html#rest>): what is sent in its own media type is kept as a Binary, and
//! a Binary is answered as its bytes unless FHIR JSON is asked for.
//!
//! A Binary belongs to the patient whom its `securityContext` names: it is sealed, granted, shown and erased as the rest of
//! that patient's record. Bytes that come raw must say whose they are (`X-Security-Context: Patient/[id]`); within an open
//! chart they are the chart's. What is answered is never run: no page of it is shown inside this origin.

use super::ask::{Ask, What};
use super::is_id;
use super::json::{Object, write_string};
use super::principal::Principal;
use crate::engine::EngineError;
use crate::error::{Code, Error, Result};
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::value::RawValue;

/// Largest document that comes as bytes: as base64 it must fit into the engine's 16 MiB.
pub(crate) const RAW_BYTES_MAX: usize = 11 * 1024 * 1024;
/// Largest resource that is unpacked.
const RESOURCE_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Longest media type.
const MEDIA_TYPE_BYTES_MAX: usize = 255;
/// Whose the bytes are.
const CONTEXT: HeaderName = HeaderName::from_static("x-security-context");

/// Whether bytes come, and not a resource.
pub(crate) fn is_raw_upload(ask: &Ask, headers: &HeaderMap) -> bool {
    if ask.kind != "Binary" || !matches!(ask.what, What::Create | What::Update) {
        return false;
    }
    let kind = headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    let kind = kind.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii().to_ascii_lowercase();
    !matches!(kind.as_slice(), b"" | b"application/fhir+json" | b"application/json" | b"application/fhir+xml")
}

/// The resource that holds the bytes.
///
/// # Errors
/// [`Code::TooLarge`]; [`Code::Unprocessable`] if nobody says whose they are.
pub(crate) async fn wrap(ask: &Ask, principal: &Principal, headers: &HeaderMap, body: Body) -> Result<Body> {
    let kind = headers
        .get(header::CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok())
        .filter(|kind| is_media_type(kind));
    let kind =
        kind.ok_or_else(|| Error::new(Code::MediaType, "the media type of the document is not understood"))?;
    let patient = whose(principal, headers)?;
    let bytes = to_bytes(body, RAW_BYTES_MAX)
        .await
        .map_err(|_| Error::new(Code::TooLarge, "the document is larger than 11 MiB, or broke off"))?;
    let mut out = String::with_capacity(bytes.len() / 3 * 4 + 256);
    out.push_str("{\"resourceType\":\"Binary\",");
    if let Some(id) = &ask.id {
        out.push_str("\"id\":");
        write_string(&mut out, id);
        out.push(',');
    }
    out.push_str("\"contentType\":");
    write_string(&mut out, kind);
    out.push_str(",\"securityContext\":{\"reference\":");
    write_string(&mut out, &format!("Patient/{patient}"));
    out.push_str("},\"data\":\"");
    STANDARD.encode_string(&bytes, &mut out);
    out.push_str("\"}");
    Ok(Body::from(out))
}

fn whose(principal: &Principal, headers: &HeaderMap) -> Result<String> {
    let named =
        headers.get(CONTEXT).map(|value| value.to_str().ok().and_then(|text| text.strip_prefix("Patient/")));
    match (named, principal) {
        (Some(Some(id)), _) if is_id(id) => Ok(id.to_owned()),
        (None, Principal::Practitioner(who)) if who.patient.is_some() => {
            Ok(who.patient.clone().unwrap_or_default())
        }
        _ => Err(Error::new(
            Code::Unprocessable,
            "say whose document it is: `X-Security-Context: Patient/[id]`, a patient of this node",
        )),
    }
}

/// `type/subtype` with parameters, in characters that a header can hold.
fn is_media_type(text: &str) -> bool {
    let bare = text.split(';').next().unwrap_or_default().trim();
    let token = |part: &str| {
        let fine = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte);
        !part.is_empty() && part.bytes().all(fine)
    };
    text.len() <= MEDIA_TYPE_BYTES_MAX
        && text.bytes().all(|byte| (0x20..0x7f).contains(&byte))
        && bare.split_once('/').is_some_and(|(kind, subkind)| token(kind) && token(subkind))
}

#[derive(Deserialize)]
struct Held<'a> {
    #[serde(borrow)]
    data: Option<&'a RawValue>,
}

/// The bytes of the Binary that an answer holds, in their own media type.
///
/// # Errors
/// A fault of the engine.
pub(crate) async fn unpack(answer: Response<Body>) -> Result<Response<Body>> {
    if answer.status() != StatusCode::OK {
        return Ok(answer);
    }
    let (mut parts, body) = answer.into_parts();
    let text = to_bytes(body, RESOURCE_BYTES_MAX).await.map_err(|_| EngineError::TooLarge)?;
    let text = std::str::from_utf8(&text).map_err(|_| EngineError::Malformed)?;
    let object = Object::parse(text).ok_or(EngineError::Malformed)?;
    let held: Held<'_> = serde_json::from_str(text).map_err(|_| EngineError::Malformed)?;
    let data: String = match held.data {
        Some(raw) => serde_json::from_str(raw.get()).map_err(|_| EngineError::Malformed)?,
        None => String::new(),
    };
    let plain: String = data.split_ascii_whitespace().collect();
    let bytes = STANDARD.decode(plain).map_err(|_| EngineError::Malformed)?;
    let kind = object.text("contentType").filter(|kind| is_media_type(kind));
    let kind = kind.and_then(|kind| HeaderValue::from_str(&kind).ok());
    parts.headers.remove(header::CONTENT_LENGTH);
    let fixed = [
        (header::CONTENT_TYPE, kind.unwrap_or(HeaderValue::from_static("application/octet-stream"))),
        (header::CONTENT_DISPOSITION, HeaderValue::from_static("attachment")),
        (
            header::CONTENT_SECURITY_POLICY,
            HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'; sandbox"),
        ),
    ];
    for (name, value) in fixed {
        parts.headers.insert(name, value);
    }
    Ok(Response::from_parts(parts, Body::from(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_media_type_is_two_words_that_a_header_can_hold() {
        for good in
            ["image/png", "text/plain; charset=utf-8", "application/vnd.ms-excel", "application/dicom+json"]
        {
            assert!(is_media_type(good), "{good}");
        }
        for bad in ["", "image", "image/", "/png", "text/html\r\nx: y", "text/ht ml", "tëxt/x", "a/b/c"] {
            assert!(!is_media_type(bad), "{bad}");
        }
        assert!(!is_media_type(&format!("text/plain; x={}", "y".repeat(300))));
    }
}
