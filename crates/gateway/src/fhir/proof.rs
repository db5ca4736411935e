//! `GET /fhir/{type}/{id}/$proof`: the record proof of a resource that the caller may read.
//!
//! The proof is of the version that a read would give now, never of one before it. While that version is not
//! anchored there is no proof: 404 with code `not-found`, its state (`stored` or `sealed`) in `x-salus-state`, and
//! `Retry-After`.

use super::ask::{Ask, What};
use super::authorise::authorise;
use super::forward::{self, Forward};
use super::json::Object;
use super::principal::Principal;
use super::{audit, authenticate};
use crate::engine::{EngineError, read_whole};
use crate::error::{Code, Error, Result};
use crate::log::Kind;
use crate::state::Gateway;
use crate::vault::ProofState;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use salus_types::proof::RecordProof;
use salus_verifier::ProofFile;
use serde_json::Value;

/// How far the record is on its way to the ledger.
const STATE: HeaderName = HeaderName::from_static("x-salus-state");
/// When it is worth asking again.
const RETRY_SECONDS: u32 = 5;

/// A proof as JSON (`docs/protocol/api.md`, "record proofs"), with the exact text if it may leave with it. The changes
/// of the validators up to its block are not in it: they are the same for all proofs, and added by [`complete`].
pub(crate) fn record_proof(proof: &RecordProof, text: Option<&[u8]>) -> Value {
    let text = text.and_then(|text| std::str::from_utf8(text).ok()).map(str::to_owned);
    serde_json::to_value(ProofFile::of(proof, &[], text)).unwrap_or_default()
}

/// Adds what leads a verifier from genesis to the validators of the proof's block.
async fn complete(gateway: &Gateway, bare: Value) -> Result<ProofFile> {
    let file: ProofFile = serde_json::from_value(bare).map_err(Error::internal)?;
    let proof = file.proof().map_err(Error::internal)?;
    if proof.block.headers.last().is_none_or(|header| header.epoch == 0) {
        return Ok(file);
    }
    let handovers = gateway.chain().handovers().await?;
    Ok(ProofFile::of(&proof, &handovers, file.resource))
}

/// `GET /fhir/{type}/{id}/$proof`
pub(crate) async fn proof(
    State(gateway): State<Gateway>,
    Path((kind, id)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response> {
    let principal = authenticate::principal(&gateway, &headers).await?;
    let ask = Ask::of_proof(&kind, &id)?;
    let permit = authorise(&gateway, &principal, &ask).await?;
    // Whoever may not read the record gets no proof of it: the engine is asked as for a read.
    let path = format!("/fhir/{kind}/{id}");
    let read = Forward::new(Method::GET, &path, &permit);
    let answer = forward::send(&gateway, read).await?;
    let (head, body) = answer.into_parts();
    forward::check(&head)?;
    if head.status != StatusCode::OK {
        return Err(missing(&gateway, &principal, &id).await?);
    }
    let text = read_whole(body).await?;
    audit::record(&gateway, &principal, &ask, &permit, Kind::Proof)?;
    let proof = match gateway.shares.proof(&id)? {
        Some(proof) => Some(proof),
        None => {
            let version = version_of(&head.headers, &text).ok_or(EngineError::Malformed)?;
            let proofs = &gateway.ports.proofs;
            match proofs.proof_of(&kind, &id, Some(&version)).await.map_err(unavailable)? {
                ProofState::Anchored(proof) => Some(record_proof(&proof, matching(&proof, &text))),
                ProofState::Sealed => return Ok(not_yet("sealed")),
                ProofState::Stored => return Ok(not_yet("stored")),
                ProofState::Unknown => None,
            }
        }
    };
    let proof = proof.ok_or_else(|| Error::new(Code::NotFound, "there is no proof of this record"))?;
    let proof = complete(&gateway, proof).await?;
    Ok(([(STATE, HeaderValue::from_static("anchored"))], Json(proof)).into_response())
}

/// The version that the engine answered with: its `ETag` (<https://hl7.org/fhir/R4/http.html#versioning>), else
/// `meta.versionId`.
fn version_of(headers: &HeaderMap, text: &[u8]) -> Option<String> {
    let etag = headers.get(header::ETAG).and_then(|etag| etag.to_str().ok());
    let etag = etag.and_then(|etag| etag.trim_start_matches("W/").strip_prefix('"')?.strip_suffix('"'));
    let version = etag.map(str::to_owned).or_else(|| {
        let resource = Object::parse(std::str::from_utf8(text).ok()?)?;
        Object::parse(resource.raw("meta")?)?.text("versionId")
    });
    version.filter(|version| super::is_id(version))
}

/// The text travels with the proof only if it is exactly what was sealed.
fn matching<'a>(proof: &RecordProof, text: &'a [u8]) -> Option<&'a [u8]> {
    (salus_crypto::hash::sha256(text) == proof.plaintext_digest).then_some(text)
}

async fn missing(gateway: &Gateway, principal: &Principal, id: &str) -> Result<Error> {
    if let Principal::Practitioner(who) = principal
        && let Some(error) = gateway.shares.why_not(gateway, who, id).await?
    {
        return Ok(error);
    }
    Ok(Error::new(Code::NotFound, "there is no such record, or not for this caller"))
}

fn not_yet(state: &'static str) -> Response {
    let text = format!("the record is {state}, and not on the ledger yet");
    let mut response = Error::new(Code::NotFound, text).retry_after(RETRY_SECONDS).into_response();
    response.headers_mut().insert(STATE, HeaderValue::from_static(state));
    response
}

fn unavailable(error: crate::vault::VaultError) -> Error {
    tracing::warn!(%error, "the vault gives no proof");
    Error::new(Code::Away, "the proof cannot be made for the moment").retry_after(RETRY_SECONDS)
}

/// What a proof is asked of.
impl Ask {
    fn of_proof(kind: &str, id: &str) -> Result<Self> {
        if !crate::smart::is_type(kind) || !super::is_id(id) {
            return Err(Error::new(Code::Invalid, "this is no type and id of FHIR"));
        }
        Ok(Self::instance(What::Proof, kind, id))
    }
}
