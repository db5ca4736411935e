//! Consent (<https://hl7.org/fhir/R4/consent.html>): what the ledger says now about the grants that the caller may know of,
//! beside the consents that the organisation itself keeps (advance directives, consents to treatment).
//!
//! A grant is shown to
//! * a clinician with the patient's chart open, if it was given to this organisation and the policies would let them use it
//!   while it lives: for their purpose, to nobody else by name. So nobody learns here of what was granted for another end;
//! * an app that a patient lets read the whole of their record: those, and those over this organisation's own records, of
//!   which nobody here knows to whom or what for.
//!
//! Nobody writes one: patients give and end grants on their own devices, signed, and the ledger decides. What names the
//! policy of grants, [`POLICY`], is therefore refused wherever it comes from (the engine's guard does the same within
//! batches). A consent without it, on paper for example, is a record like any other, and grants nothing here.

use super::ask::{Ask, What};
use super::audit_event::CATEGORIES;
use super::authorise::{self, authorise};
use super::json::Object;
use super::pages::{self, Binding, Paged, Place, Source};
use super::principal::Principal;
use super::proxy::Answered;
use crate::clock;
use crate::error::{Code, Error, Result};
use crate::shares::{GrantState, Standing};
use crate::state::Gateway;
use crate::vault::{GivenGrant, HeldGrant, VaultError};
use axum::body::{Body, Bytes};
use salus_types::OrganisationId;
use serde_json::{Value, json};

/// Scope of a consent to share.
const SCOPE: &str = "patient-privacy";
const SCOPES: &str = "http://terminology.hl7.org/CodeSystem/consentscope";
/// The policy under which a grant is given. Whatever begins with [`POLICIES`] is kept for this network.
const POLICY: &str = "https://salus.network/policy/grant";
const POLICIES: &str = "https://salus.network/";
/// First letters of the ids of grants as consents; no id of the engine's is refused for them.
const PREFIX: &str = "grant-";
/// Digits of a grant's id in the id of a consent.
const DIGITS: usize = 58;
/// Parameters by which grants can be told apart here; with any other, only what the organisation keeps is searched.
const KNOWN: [&str; 5] = ["patient", "scope", "status", "_count", "_format"];

/// A grant, as somebody may know it.
struct Seen {
    id: String,
    resource: Value,
}

/// Answers what is about grants. `None`: the request is about the organisation's own consents alone.
///
/// # Errors
/// As [`authorise`].
pub(crate) async fn serve(
    gateway: &Gateway,
    principal: &Principal,
    ask: &Ask,
    query: &str,
) -> Result<Option<Answered>> {
    match (ask.what, &ask.id) {
        (What::Read, Some(id)) if id.starts_with(PREFIX) => {
            let permit = authorise(gateway, principal, ask).await?;
            let missing = || Error::new(Code::NotFound, "there is no such record, or not for this caller");
            let patient = patient_of(principal).ok_or_else(missing)?;
            let found =
                known(gateway, principal, ask, &patient).await?.into_iter().find(|seen| seen.id == *id);
            let response = pages::answer(found.ok_or_else(missing)?.resource.to_string());
            Ok(Some(Answered { response, asks: vec![Ask { patient: Some(patient), ..ask.clone() }], permit }))
        }
        (What::Search | What::CompartmentSearch, _) => search(gateway, principal, ask, query).await,
        (What::Update | What::Patch | What::Delete, Some(id)) if id.starts_with(PREFIX) => Err(refusal()),
        _ => Ok(None),
    }
}

/// Refuses a consent that poses as a grant.
///
/// # Errors
/// [`Code::Unprocessable`].
pub(crate) fn check_body(body: &Bytes) -> Result<()> {
    let text = std::str::from_utf8(body).ok().and_then(Object::parse);
    let policies: Option<Value> =
        text.and_then(|consent| serde_json::from_str(consent.raw("policy").unwrap_or("null")).ok());
    let policies = policies.as_ref().and_then(Value::as_array).into_iter().flatten();
    let mut named = policies.filter_map(|policy| policy["uri"].as_str());
    if named.any(|uri| uri.starts_with(POLICIES)) { Err(refusal()) } else { Ok(()) }
}

fn refusal() -> Error {
    Error::new(
        Code::Unprocessable,
        "a grant is given and ended by patients on their own devices, and the ledger decides; nobody writes it here",
    )
}

fn patient_of(principal: &Principal) -> Option<String> {
    match principal {
        Principal::Practitioner(who) => who.patient.clone(),
        Principal::App(app) => Some(app.patient.clone()),
        Principal::System(_) => None,
    }
}

async fn search(
    gateway: &Gateway,
    principal: &Principal,
    ask: &Ask,
    query: &str,
) -> Result<Option<Answered>> {
    let path = match (&ask.what, &ask.patient) {
        (What::CompartmentSearch, Some(patient)) => format!("/fhir/Patient/{patient}/Consent"),
        _ => "/fhir/Consent".to_owned(),
    };
    let binding = Binding::of(principal, &path);
    let from = match pages::token_of(query) {
        Some(token) => binding.open(gateway, &token)?,
        None => {
            Place { asked: query.to_owned(), count: pages::count_of(query)?.unwrap_or(0), ..Place::default() }
        }
    };
    let asked = from.asked.clone();
    let Some(patient) = patient_of(principal).filter(|_| asks_for_grants(&asked)) else { return Ok(None) };
    if ask.patient.as_ref().is_some_and(|other| *other != patient) {
        return Ok(None);
    }
    let permit = authorise(gateway, principal, ask).await?;
    permit.check_query(&asked)?;
    let mut own = known(gateway, principal, ask, &patient).await?;
    own.retain(|seen| fits(&asked, &seen.resource));
    own.sort_by(|a, b| a.id.cmp(&b.id));
    let base = gateway.config.fhir_url();
    let own = own.into_iter().map(|Seen { id, resource }| {
        let entry = json!({ "fullUrl": format!("{base}/Consent/{id}"), "resource": resource, "search": { "mode": "match" } });
        (id, entry.to_string())
    });
    let engine = format!("{path}?{}", pages::without(&asked, &["_count", "_format"]));
    let count = pages::count_of(&asked)?;
    let paged = Paged {
        sources: vec![Source::Own(own.collect()), Source::Engine(&permit, engine)],
        count,
        from,
        narrowing: permit.narrowing.as_ref(),
    };
    let page = paged.fill(gateway).await?;
    let response = pages::answer(page.bundle(gateway, &binding, &path, count == Some(0))?);
    let ask = Ask { patient: Some(patient), ..ask.clone() };
    Ok(Some(Answered { response, asks: vec![ask], permit }))
}

fn asks_for_grants(query: &str) -> bool {
    form_urlencoded::parse(query.as_bytes()).all(|(name, _)| KNOWN.contains(&name.as_ref()))
}

/// Whether a grant is what a query asks for.
fn fits(query: &str, resource: &Value) -> bool {
    form_urlencoded::parse(query.as_bytes()).all(|(name, value)| {
        let mut values = value.split(',');
        match name.as_ref() {
            "scope" => values.any(|value| value == SCOPE || value == format!("{SCOPES}|{SCOPE}")),
            "status" => {
                let status = resource["status"].as_str().unwrap_or_default();
                values.any(|value| value.rsplit('|').next() == Some(status))
            }
            _ => true,
        }
    })
}

fn unavailable(error: VaultError) -> Error {
    tracing::warn!(%error, "the vault tells of no grants");
    Error::new(Code::Away, "what is granted cannot be told for the moment").retry_after(5)
}

/// The grants that somebody may know of.
async fn known(gateway: &Gateway, principal: &Principal, ask: &Ask, patient: &str) -> Result<Vec<Seen>> {
    let held = gateway.ports.shared.grants(patient).await.map_err(unavailable)?;
    let mut seen = Vec::new();
    match principal {
        Principal::Practitioner(who) => {
            for grant in held {
                let standing = gateway.shares.standing(gateway, who, &grant).await?;
                if standing.concerns {
                    seen.push(to_us(gateway, &grant, &standing));
                }
            }
        }
        // Who sees a part of the record is told of no grant: what it reaches would name what is kept from them.
        Principal::App(app) if authorise::reads_whole_record(gateway, app, ask).is_ok() => {
            for grant in held {
                let standing = gateway.shares.state_of(gateway, &grant).await?;
                seen.push(to_us(gateway, &grant, &standing));
            }
            for given in gateway.ports.proofs.grants_over(patient).await.map_err(unavailable)? {
                let state = gateway.shares.ledger_state(gateway, given.grant).await?;
                seen.push(from_us(gateway, patient, &given, state));
            }
        }
        Principal::App(_) | Principal::System(_) => (),
    }
    // A grant of this organisation to itself would be both.
    seen.dedup_by(|a, b| a.id == b.id);
    Ok(seen)
}

fn id_of(grant: &salus_types::GrantId) -> String {
    format!("{PREFIX}{}", &grant.to_string()[..DIGITS])
}

fn organisation(id: &OrganisationId) -> Value {
    json!({ "identifier": { "system": "https://salus.network/organisation", "value": id.to_string() }, "display": id.to_string() })
}

fn shell(id: &str, patient: &str, active: bool, source: &OrganisationId) -> Value {
    json!({
        "resourceType": "Consent",
        "id": id,
        "status": if active { "active" } else { "inactive" },
        "scope": { "coding": [{ "system": SCOPES, "code": SCOPE }] },
        "category": [{ "coding": [{ "system": "http://loinc.org", "code": "59284-0" }] }],
        "patient": { "reference": format!("Patient/{patient}") },
        "performer": [{ "reference": format!("Patient/{patient}") }],
        "organization": [organisation(source)],
        "policy": [{ "uri": POLICY }],
        "policyRule": { "coding": [{ "system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "OPTIN" }] },
    })
}

/// A grant to this organisation.
fn to_us(gateway: &Gateway, grant: &HeldGrant, standing: &Standing) -> Seen {
    let id = id_of(&grant.grant);
    let mut resource = shell(&id, &grant.patient, standing.state == GrantState::Live, &grant.source);
    let role = json!({ "coding": [{ "system": "http://terminology.hl7.org/CodeSystem/v3-ParticipationType", "code": "IRCP" }] });
    let classes: Vec<Value> =
        grant.categories.iter().map(|one| json!({ "system": CATEGORIES, "code": one.as_str() })).collect();
    resource["provision"] = json!({
        "type": "permit",
        "period": { "start": clock::instant(grant.not_before_ms), "end": clock::instant(grant.expiry_ms) },
        "actor": [{ "role": role, "reference": organisation(&gateway.config.organisation) }],
        "action": [{ "coding": [{ "system": "http://terminology.hl7.org/CodeSystem/consentaction", "code": "access" }] }],
        "purpose": [{ "system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": grant.purpose.act_reason() }],
        "class": classes,
    });
    Seen { id, resource }
}

/// A grant over this organisation's own records: to whom, what for and what of it, the patient alone knows.
fn from_us(gateway: &Gateway, patient: &str, given: &GivenGrant, state: GrantState) -> Seen {
    let id = id_of(&given.grant);
    let mut resource = shell(&id, patient, state == GrantState::Live, &gateway.config.organisation);
    resource["provision"] =
        json!({ "type": "permit", "period": { "start": clock::instant(given.not_before_ms) } });
    Seen { id, resource }
}

/// The body of a consent that is written, read whole and checked.
///
/// # Errors
/// [`Code::TooLarge`]; as [`check_body`].
pub(crate) async fn checked(body: Body, bytes_max: usize) -> Result<Body> {
    let bytes = axum::body::to_bytes(body, bytes_max)
        .await
        .map_err(|_| Error::new(Code::TooLarge, "the body is too large, or broke off"))?;
    check_body(&bytes)?;
    Ok(Body::from(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_poses_as_a_grant_is_refused_and_a_consent_on_paper_is_not() {
        for (policy, kept) in [
            (format!(r#"[{{"uri":"{POLICY}"}}]"#), false),
            (
                r#"[{"uri":"https://x.example"},{"uri":"https://salus.network/policy/other"}]"#.to_owned(),
                false,
            ),
            (r#"[{"uri":"https://x.example/policy/grant"}]"#.to_owned(), true),
            (r#"[{"authority":"https://salus.network/"}]"#.to_owned(), true),
            ("null".to_owned(), true),
        ] {
            let scope = r#"{"coding":[{"code":"patient-privacy"}]}"#;
            let body = format!(r#"{{"resourceType":"Consent","scope":{scope},"policy":{policy}}}"#);
            assert_eq!(check_body(&Bytes::from(body)).is_ok(), kept, "{policy}");
        }
        assert!(check_body(&Bytes::from_static(b"{")).is_ok(), "the engine refuses what is no JSON");
    }

    #[test]
    fn a_query_is_answered_with_grants_only_if_all_of_it_is_understood() {
        let active = json!({ "status": "active" });
        for (query, fit) in [
            ("patient=p1", true),
            ("scope=patient-privacy&status=active", true),
            ("scope=http://terminology.hl7.org/CodeSystem/consentscope|patient-privacy", true),
            ("scope=adr", false),
            ("status=inactive", false),
            ("status=inactive,active", true),
        ] {
            assert!(asks_for_grants(query), "{query}");
            assert_eq!(fits(query, &active), fit, "{query}");
        }
        for query in ["category=x", "patient.name=x", "patient:missing=true", "_id=grant-1"] {
            assert!(!asks_for_grants(query), "{query}");
        }
    }
}
