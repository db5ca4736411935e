//! `GET /fhir/metadata`: the engine's CapabilityStatement, with what this node adds and forbids. Open, and kept
//! in memory, also compressed: it is more than a megabyte, and most who ask take it so.

use super::claims;
use super::json::{Object, write_string};
use super::terminology;
use crate::engine::{EnginePrincipal, Mode, PRINCIPAL_HEADER, Reach, read_whole};
use crate::error::{Code, Error, Result};
use crate::state::Gateway;
use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, Request, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use salus_crypto::hash::sha256;
use serde_json::json;
use std::io::Write as _;
use std::time::{Duration, Instant};
use tokio::sync::RwLock;

/// How long it is kept.
const KEPT: Duration = Duration::from_secs(600);

/// What it says of bulk data, beside the operations.
const BULK_DATA: &str = "http://hl7.org/fhir/uv/bulkdata/CapabilityStatement/bulk-data";

/// The kept document.
#[derive(Default)]
pub(crate) struct Metadata(RwLock<Option<Kept>>);

#[derive(Clone)]
struct Kept {
    at: Instant,
    body: Bytes,
    /// The same by gzip (RFC 1952).
    packed: Bytes,
    etag: HeaderValue,
}

impl Kept {
    async fn of(body: Bytes) -> Result<Self> {
        let etag = format!("W/\"{}\"", &sha256(&body).to_string()[..16]);
        let etag = HeaderValue::from_str(&etag).map_err(Error::internal)?;
        let text = body.clone();
        let packed = tokio::task::spawn_blocking(move || packed(&text)).await.map_err(Error::internal)?;
        let packed = Bytes::from(packed.map_err(Error::internal)?);
        Ok(Self { at: Instant::now(), body, packed, etag })
    }
}

/// `GET /fhir/metadata`, with `mode=terminology` the TerminologyCapabilities.
pub(crate) async fn metadata(
    State(gateway): State<Gateway>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response> {
    let query = query.unwrap_or_default();
    let mode = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "mode");
    let kept = match mode.as_ref().map_or("full", |(_, mode)| mode.as_ref()) {
        "full" | "normative" => kept(&gateway).await?,
        "terminology" => Kept::of(terminology::statement(&gateway).await.to_string().into()).await?,
        _ => return Err(Error::new(Code::Invalid, "`mode` is `full`, `normative` or `terminology`")),
    };
    let fixed = [
        (header::CONTENT_TYPE, HeaderValue::from_static("application/fhir+json; charset=utf-8")),
        (header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=300")),
        (header::VARY, HeaderValue::from_static("accept-encoding")),
        (header::ETAG, kept.etag.clone()),
    ];
    if headers.get(header::IF_NONE_MATCH) == Some(&kept.etag) {
        return Ok((StatusCode::NOT_MODIFIED, fixed).into_response());
    }
    if takes_gzip(&headers) {
        let packed = [(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"))];
        return Ok((fixed, packed, kept.packed).into_response());
    }
    Ok((fixed, kept.body).into_response())
}

/// Whether a caller names gzip among what it takes (RFC 9110, 12.5.3).
fn takes_gzip(headers: &HeaderMap) -> bool {
    let values = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|coding| {
        let mut parts = coding.split(';').map(str::trim);
        let is_gzip = parts.next().is_some_and(|name| name.eq_ignore_ascii_case("gzip"));
        let mut weights = parts.filter_map(|part| part.strip_prefix("q=")?.parse::<f32>().ok());
        is_gzip && !weights.any(|weight| weight <= 0.0)
    })
}

fn packed(body: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(body)?;
    encoder.finish()
}

async fn kept(gateway: &Gateway) -> Result<Kept> {
    let fresh = |kept: &Kept| kept.at.elapsed() < KEPT;
    if let Some(kept) = gateway.fhir.metadata.0.read().await.as_ref().filter(|kept| fresh(kept)) {
        return Ok(kept.clone());
    }
    let mut slot = gateway.fhir.metadata.0.write().await;
    if let Some(kept) = slot.as_ref().filter(|kept| fresh(kept)) {
        return Ok(kept.clone());
    }
    let kept = Kept::of(load(gateway).await?.into()).await?;
    *slot = Some(kept.clone());
    Ok(kept)
}

/// The FHIR types that the engine knows, as its statement lists them.
///
/// # Errors
/// As [`metadata`].
pub(crate) async fn types(gateway: &Gateway) -> Result<Vec<String>> {
    let kept = kept(gateway).await?;
    let statement: serde_json::Value = serde_json::from_slice(&kept.body).map_err(Error::internal)?;
    let resources = statement["rest"][0]["resource"].as_array().map(Vec::as_slice).unwrap_or_default();
    Ok(resources.iter().filter_map(|resource| resource["type"].as_str()).map(str::to_owned).collect())
}

async fn load(gateway: &Gateway) -> Result<String> {
    let principal = EnginePrincipal {
        id: "metadata".into(),
        read: Reach::None,
        write: Reach::None,
        shares: Vec::new(),
        hidden: Vec::new(),
        mode: Mode::Interactive,
    };
    let request = Request::builder()
        .uri("/fhir/metadata")
        .header(PRINCIPAL_HEADER, principal.header())
        .header(header::ACCEPT, "application/fhir+json")
        .body(Body::empty())
        .map_err(Error::internal)?;
    let answer = gateway.engine.send(request).await?;
    if answer.status() != StatusCode::OK {
        return Err(Error::internal("the engine gives no CapabilityStatement"));
    }
    let bytes = read_whole(answer.into_body()).await?;
    let text = std::str::from_utf8(&bytes).map_err(Error::internal)?;
    patch(text, &gateway.config.public_url)
        .ok_or_else(|| Error::internal("the CapabilityStatement is malformed"))
}

/// Says the truth about what works on the public address: security, types, the system, and the base URL.
fn patch(statement: &str, base: &str) -> Option<String> {
    let object = Object::parse(statement)?;
    let rest: Vec<&serde_json::value::RawValue> = serde_json::from_str(object.raw("rest")?).ok()?;
    let rest = Object::parse(rest.first()?.get())?;
    let mut out = String::with_capacity(statement.len() + 1_024);
    out.push('{');
    copy(&mut out, &object, &["rest", "implementation", "instantiates", "format", "patchFormat"]);
    let implementation = json!({ "description": "Salus node", "url": format!("{base}/fhir") });
    out.push_str(&format!(
        "\"implementation\":{implementation},\"instantiates\":[\"{BULK_DATA}\"],\"format\":[\"application/fhir+json\",\"json\"],"
    ));
    out.push_str("\"patchFormat\":[\"application/json-patch+json\",\"application/fhir+json\"],\"rest\":[{");
    copy(&mut out, &rest, &["security", "operation", "resource", "interaction"]);
    let types: Vec<serde_json::Value> = serde_json::from_str(rest.raw("resource")?).ok()?;
    let types: Vec<serde_json::Value> = types.into_iter().map(claims::of_type).collect();
    let system = claims::of_system(rest.raw("interaction"));
    let types = serde_json::to_string(&types).ok()?;
    out.push_str(&format!(
        "\"security\":{},\"resource\":{types},\"interaction\":{system},\"operation\":{}}}]}}",
        security(base),
        claims::operations()
    ));
    Some(out)
}

/// Writes the fields of an object, but for some, each with a comma after it.
fn copy(out: &mut String, object: &Object<'_>, without: &[&str]) {
    for (name, value) in object.fields().filter(|(name, _)| !without.contains(&name.as_str())) {
        write_string(out, name);
        out.push(':');
        out.push_str(value);
        out.push(',');
    }
}

fn security(base: &str) -> serde_json::Value {
    json!({
        "cors": true,
        "service": [{ "coding": [{
            "system": "http://terminology.hl7.org/CodeSystem/restful-security-service",
            "code": "SMART-on-FHIR",
        }] }],
        "description": "SMART App Launch for apps that a steward approved and a patient or clinician allows, and backend services with private_key_jwt; records of other organisations by grants of patients. Includes and chained searches need a reach over all types.",
        "extension": [{
            "url": "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris",
            "extension": [
                { "url": "authorize", "valueUri": format!("{base}/smart/authorize") },
                { "url": "register", "valueUri": format!("{base}/smart/register") },
                { "url": "token", "valueUri": format!("{base}/smart/token") },
                { "url": "revoke", "valueUri": format!("{base}/smart/revoke") },
                { "url": "introspect", "valueUri": format!("{base}/smart/introspect") },
            ],
        }],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_takes_gzip_gets_the_same_text_packed() {
        for (value, expected) in [
            (None, false),
            (Some("gzip"), true),
            (Some("br, GZIP;q=0.5"), true),
            (Some("gzip;q=0"), false),
            (Some("gzip; q=0.000"), false),
            (Some("identity, deflate"), false),
        ] {
            let mut headers = HeaderMap::new();
            if let Some(value) = value {
                headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(value));
            }
            assert_eq!(takes_gzip(&headers), expected, "{value:?}");
        }
        let mut text = String::new();
        let bytes = packed(b"a statement").expect("packed");
        std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(&bytes[..]), &mut text)
            .expect("text");
        assert_eq!(text, "a statement");
    }

    #[test]
    fn the_statement_tells_the_truth_about_security() {
        let engine = r#"{"resourceType":"CapabilityStatement","implementation":{"url":"x"},"rest":[{"mode":"server","security":{"cors":false},"operation":[{"name":"purge"}],"resource":[{"type":"Patient"}]}]}"#;
        let text = patch(engine, "https://a.example").expect("patched");
        let json: serde_json::Value = serde_json::from_str(&text).expect("json");
        assert_eq!(json["rest"][0]["security"]["cors"], true);
        assert_eq!(json["rest"][0]["resource"][0]["type"], "Patient");
        assert_eq!(json["implementation"]["url"], "https://a.example/fhir");
        assert!(!text.contains("purge"));
        assert_eq!(json["instantiates"][0], BULK_DATA);
        assert_eq!(json["rest"][0]["interaction"][0]["code"], "search-system");
        assert_eq!(json["format"], serde_json::json!(["application/fhir+json", "json"]));
    }
}
