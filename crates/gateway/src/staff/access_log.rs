//! The patient's own view of this organisation's access log, and of who asks for access: a JSON document sealed to
//! the patient.
//!
//! `{ "entries": [{ timeMs, organisation, action, name, role, credential?, purpose?, reason?, categories, types,
//! count?, grants, accesses, number }], "merged": [{ "registration", "entries": [..] }], "requests": [{ id, timeMs, organisation, name, role, reason, categories, days,
//! purpose }] }`

use super::{requests, rows};
use crate::clock;
use crate::emergency;
use crate::envelope;
use crate::error::{Code, Error};
use crate::log::{Entry, Kind, Page, Who};
use crate::merge;
use crate::state::Gateway;
use crate::store::{Rows, Store};
use commonware_codec::Encode as _;
use salus_crypto::hash::hash;
use salus_types::category::Category;
use salus_types::vault::{PatientRequest, SealedEnvelope};
use salus_types::{Address, PublicKey, label, namespace};
use serde_json::{Value, json};

/// How far a request's time may be from this node's.
const FRESH_MS: u64 = 5 * 60 * 1_000;
/// Nonces that are remembered at once.
const NONCES_MAX: u64 = 100_000;
/// Entries in one answer.
const ENTRIES_MAX: usize = 1_000;

/// When a nonce may be forgotten: until then a request with it would be fresh. By hash of key and nonce, and on disk,
/// so that no restart answers a request again.
const NONCES: Rows<u64> = Rows::new("access-log-nonces");

/// Nonces of requests that were answered.
pub(super) struct Nonces(Store);

impl Nonces {
    pub(super) fn new(store: &Store) -> Self {
        Self(store.clone())
    }

    /// Takes a nonce that was not seen. Of many at once exactly one wins.
    pub(super) async fn take(&self, of: &PublicKey, nonce: [u8; 16], now_ms: u64) -> Result<(), Error> {
        let key = hash("salus/access-log-nonce/v1", &[&of.0, &nonce]).to_string();
        let taken = move |tx: &crate::store::WriteTransaction| {
            if NONCES.count(tx)? >= NONCES_MAX {
                NONCES.prune(tx, |until_ms| *until_ms > now_ms)?;
            }
            if NONCES.count(tx)? >= NONCES_MAX {
                return Err(Error::new(Code::Throttled, "too many requests at once").retry_after(60));
            }
            Ok(NONCES.put_new(tx, &key, &(now_ms + 2 * FRESH_MS))?)
        };
        match self.0.write(taken).await? {
            true => Ok(()),
            false => Err(Error::new(Code::Conflict, "this request was answered already")),
        }
    }

    /// Forgets what is not fresh any more.
    pub(super) async fn prune(&self) -> Result<usize, Error> {
        let now_ms = clock::now_ms();
        Ok(self.0.write(move |tx| NONCES.prune(tx, |until_ms| *until_ms > now_ms)).await?)
    }
}

/// Answers a patient who asks who looked.
///
/// # Errors
/// [`Code::Invalid`], [`Code::SignIn`] or [`Code::Conflict`] for a request that is not fresh, not for this
/// organisation, or not signed by a person who is enrolled here.
pub(crate) async fn access_log(gateway: &Gateway, request: &PatientRequest) -> Result<SealedEnvelope, Error> {
    let patient = check(gateway, request).await?;
    let page = Page { limit: ENTRIES_MAX, ..Page::default() };
    let mut entries = Vec::new();
    for entry in gateway.log.of_patient(&patient, page).await? {
        entries.push(shown(gateway, &entry)?);
    }
    let mut requests = requests::of_patient(gateway, &patient)?;
    let mut merged = Vec::new();
    for other in merge::group(gateway, &patient)?.into_iter().filter(|other| *other != patient) {
        let mut entries = Vec::new();
        for entry in gateway.log.of_patient(&other, page).await? {
            entries.push(shown(gateway, &entry)?);
        }
        requests.extend(requests::of_patient(gateway, &other)?);
        merged.push(json!({ "registration": other, "entries": entries }));
    }
    let document = json!({ "entries": entries, "requests": requests, "merged": merged }).to_string();
    let to = request.body.kem_key.as_ref();
    envelope::seal(&gateway.key, to, label::HPKE_ACCESS_LOG, &gateway.network, document.as_bytes())
}

/// Checks the request; returns the FHIR id of who signed it.
async fn check(gateway: &Gateway, request: &PatientRequest) -> Result<String, Error> {
    let body = &request.body;
    if body.network != gateway.network || body.audience != gateway.config.organisation {
        return Err(Error::new(Code::Invalid, "the request is for another organisation"));
    }
    let signed = body.patient.verify(namespace::PATIENT_REQUEST, &body.encode(), &request.signature);
    signed.map_err(|_| Error::new(Code::SignIn, "the request's signature does not verify"))?;
    admit(gateway, &body.patient, body.time_ms, body.nonce).await
}

/// The FHIR id of the person enrolled here whose signed request or letter this is, if it is fresh and was not answered; of
/// many with one nonce exactly one is. The caller has checked the signature.
///
/// # Errors
/// [`Code::Invalid`], [`Code::NotFound`] or [`Code::Conflict`].
pub(crate) async fn admit(
    gateway: &Gateway,
    key: &PublicKey,
    time_ms: u64,
    nonce: [u8; 16],
) -> Result<String, Error> {
    admit_for(gateway, &Address::of(key), key, time_ms, nonce).await
}

/// The same for a patient with another address than that of the key that signed: who acts for the patient. The caller has
/// checked that this may be.
///
/// # Errors
/// As [`admit`].
pub(crate) async fn admit_for(
    gateway: &Gateway,
    owner: &Address,
    key: &PublicKey,
    time_ms: u64,
    nonce: [u8; 16],
) -> Result<String, Error> {
    let now_ms = clock::now_ms();
    if time_ms.abs_diff(now_ms) > FRESH_MS {
        return Err(Error::new(Code::Invalid, "this is too old, or from a clock that is wrong"));
    }
    let patient = gateway.store.read(|tx| rows::ENROLLED.get(tx, &owner.to_string()))?;
    let patient =
        patient.ok_or_else(|| Error::new(Code::NotFound, "nobody is enrolled here with this key"))?;
    gateway.staff.nonces.take(key, nonce, now_ms).await?;
    Ok(patient)
}

/// An entry in words that the portal knows.
pub(crate) fn action(kind: Kind) -> &'static str {
    match kind {
        Kind::Read | Kind::Search => "read",
        Kind::Proof | Kind::Export => "exported",
        Kind::ReRead | Kind::ShareImport => "shared-read",
        Kind::Write => "written",
        Kind::ChartOpened => "chart-opened",
        Kind::ShareDropped => "share-dropped",
        Kind::ProxyRead => "proxy-read",
        Kind::Appointment => "appointment",
        Kind::Case => "case",
        Kind::Accounting => "accounting",
        Kind::Recovery => "recovery",
        Kind::App => "app",
        Kind::Link => "link",
        Kind::HealthCard => "health-card",
        Kind::EmergencyFound => "emergency-found",
        Kind::EmergencyOpened => "break-glass",
        Kind::EmergencyRead => "emergency-read",
        Kind::Registration => "registration",
        Kind::Located => "located",
        Kind::LocatedElsewhere => "located-elsewhere",
    }
}

fn shown(gateway: &Gateway, entry: &Entry) -> Result<Value, Error> {
    let access = &entry.access;
    let categories: Vec<Category> = access.types.iter().filter_map(|kind| kind.parse().ok()).collect();
    let mut shown = json!({
        "timeMs": entry.time_ms,
        "organisation": gateway.config.organisation,
        "action": action(access.kind),
        "purpose": access.purpose,
        "reason": access.reason,
        "categories": categories,
        "types": access.types,
        "count": access.count,
        "grants": access.grants,
        "accesses": access.events,
        "number": entry.patient_number,
    });
    match &access.who {
        Who::Practitioner { id, name, role, .. } => {
            shown["name"] = json!(name);
            shown["role"] = json!(role);
            let credential = gateway.practitioners.find(id)?.and_then(|found| found.credential());
            shown["credential"] = json!(credential.map(|credential| hex::encode(credential.encode())));
        }
        Who::System { id } => (shown["name"], shown["role"]) = (json!(id), json!("system")),
        Who::App { name, .. } => (shown["name"], shown["role"]) = (json!(name), json!("app")),
        Who::Elsewhere { organisation, name, role, event } => {
            (shown["name"], shown["role"]) = (json!(name), json!(role));
            shown["by"] = json!(organisation);
            if let Some(event) = event {
                shown["emergency"] = emergency::shown_to_patient(gateway, event)?;
            }
        }
        Who::Proxy { appointment } => {
            (shown["name"], shown["role"]) = (json!(""), json!("proxy"));
            shown["appointment"] = json!(appointment);
        }
        Who::Node => (shown["name"], shown["role"]) = (json!("this organisation's node"), json!("system")),
    }
    Ok(shown)
}
