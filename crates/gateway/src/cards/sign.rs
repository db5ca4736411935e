//! Cards: as many immunisations in each as one QR code holds.

use super::bundle::Record;
use super::key::CardKey;
use crate::clock;
use crate::error::Error;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use flate2::Compression;
use flate2::write::DeflateEncoder;
use serde_json::{Value, json};
use std::io::Write as _;

/// Letters of a card. The specification's limit for a single QR code is 1,195; a little less is read by older phones, too.
const LETTERS_MAX: usize = 1_100;

/// The cards, each a JWS.
///
/// # Errors
/// A fault of this node.
pub(super) fn cards(key: &CardKey, issuer: &str, record: &Record) -> Result<Vec<String>, Error> {
    let mut cards = Vec::new();
    let mut rest = record.immunisations.as_slice();
    while !rest.is_empty() {
        let (card, taken) = fullest(key, issuer, &record.patient, rest)?;
        cards.push(card);
        rest = rest.get(taken..).unwrap_or_default();
    }
    Ok(cards)
}

/// The card with most immunisations from the front that fits, and how many; one, if it fits alone or not.
fn fullest(key: &CardKey, issuer: &str, patient: &Value, from: &[Value]) -> Result<(String, usize), Error> {
    let mut best = (card(key, issuer, patient, from.get(..1).unwrap_or_default())?, 1);
    for count in 2..=from.len() {
        let more = card(key, issuer, patient, from.get(..count).unwrap_or_default())?;
        if more.len() > LETTERS_MAX {
            break;
        }
        best = (more, count);
    }
    Ok(best)
}

fn card(key: &CardKey, issuer: &str, patient: &Value, immunisations: &[Value]) -> Result<String, Error> {
    let resources = std::iter::once(patient).chain(immunisations);
    let entries: Vec<Value> = resources
        .enumerate()
        .map(|(at, resource)| json!({ "fullUrl": format!("resource:{at}"), "resource": resource }))
        .collect();
    let payload = json!({
        "iss": issuer,
        "nbf": clock::now_s(),
        "vc": {
            "type": ["https://smarthealth.cards#health-card", "https://smarthealth.cards#immunization"],
            "credentialSubject": {
                "fhirVersion": "4.0.1",
                "fhirBundle": { "resourceType": "Bundle", "type": "collection", "entry": entries },
            },
        },
    });
    let head = json!({ "zip": "DEF", "alg": "ES256", "kid": key.id() });
    let mut deflated = DeflateEncoder::new(Vec::new(), Compression::best());
    deflated.write_all(payload.to_string().as_bytes()).map_err(Error::internal)?;
    let deflated = deflated.finish().map_err(Error::internal)?;
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(head.to_string()), URL_SAFE_NO_PAD.encode(deflated));
    let signature = key.sign(&signed)?;
    Ok(format!("{signed}.{signature}"))
}
