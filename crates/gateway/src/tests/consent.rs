//! The leak matrix: every reading interaction, in every state that a patient's consent can be in, by every kind of caller,
//! for every class of data: a shared copy, the patient's own record here, what of it is protected, and another patient's.
//! Each class has a canary, looked for in bodies (resources, ids, references, links, errors), headers (ETag, Last-Modified)
//! and the log; totals are compared with what is shown.
//!
//! Where nothing was imported, the copy is put into the engine all the same: what keeps it back is the gateway's decision,
//! not its absence. `an_engine_that_leaks_is_found` plants a bug in each of these places.

use super::world::{Answer, CANARY, Granted, OTHER, PATIENT, World, observation};
use crate::cases::tests::{Person, steward};
use crate::engine::ShareSet;
use crate::engine::fake::Leak;
use crate::fhir::ask::What;
use crate::smart::app::tests as apps;
use crate::testing::logs::Logs;
use salus_policy::Action;
use salus_types::category::{Category, Purpose};
use serde_json::json;
use std::collections::HashSet;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Consent {
    /// No grant, no letter.
    None,
    /// A letter whose grant the ledger does not have yet.
    Waiting,
    /// It holds from a later time on.
    NotBegun,
    Live,
    Revoked,
    Expired,
    /// Revoked, and the copies are gone.
    Dropped,
    /// For paying, while somebody treats.
    OtherPurpose,
    /// Of the patient whose chart is not open.
    OtherPatient,
    /// For one practitioner, and another asks.
    OtherPractitioner,
    /// Of a protected category, for paying: care alone uses those.
    ProtectedForPayment,
    /// It lives, and the patient had the use of the record restricted here.
    Restricted,
    /// It lives, and the source erased what it reached.
    Erased,
}

use Consent::{
    Dropped, Erased, Expired, Live, NotBegun, OtherPatient, OtherPractitioner, OtherPurpose,
    ProtectedForPayment, Restricted, Revoked, Waiting,
};

const ALL: [Consent; 13] = [
    Consent::None,
    Waiting,
    NotBegun,
    Live,
    Revoked,
    Expired,
    Dropped,
    OtherPurpose,
    OtherPatient,
    OtherPractitioner,
    ProtectedForPayment,
    Restricted,
    Erased,
];

/// What is planted of the patient's own record here, and of what is protected in it.
const OWN: &str = "Owncanary";
const PROTECTED: &str = "Hivcanary";

/// Interaction, method, path and body; `COPY` is the copy's id. What reads an Observation, so that who may sees one, is
/// first; a document, a batch, a log hold none.
const READS: [(What, &str, &str, &str); 29] = [
    (What::Read, "GET", "/fhir/Observation/COPY", ""),
    (What::Version, "GET", "/fhir/Observation/COPY/_history/1", ""),
    (What::InstanceHistory, "GET", "/fhir/Observation/COPY/_history", ""),
    (What::TypeHistory, "GET", "/fhir/Observation/_history", ""),
    (What::SystemHistory, "GET", "/fhir/_history", ""),
    (What::Search, "GET", "/fhir/Observation?patient=p1", ""),
    (What::Search, "POST", "/fhir/Observation/_search", "patient=p1"),
    (What::Search, "GET", "/fhir/Observation?_id=COPY", ""),
    (What::Search, "GET", "/fhir/Observation?_include=Observation:subject", ""),
    (What::Search, "GET", "/fhir/Patient?_revinclude=Observation:subject", ""),
    (What::Search, "GET", "/fhir/Observation?subject.name=x", ""),
    (What::Search, "GET", "/fhir/Observation?_has:Provenance:target:agent=x", ""),
    (What::Search, "GET", "/fhir/Observation?patient=p1&_count=500", ""),
    (What::SystemSearch, "GET", "/fhir?_type=Condition,Observation&patient=p1&_count=500", ""),
    (What::SystemSearch, "POST", "/fhir/_search", "_type=Observation&_count=500"),
    (What::CompartmentSearch, "GET", "/fhir/Patient/p1/Observation", ""),
    (What::Read, "GET", "/fhir/Observation/o2", ""),
    (What::Read, "GET", "/fhir/Observation/hiv", ""),
    (What::Read, "GET", "/fhir/Binary/doc2", ""),
    (What::Read, "GET", "/fhir/AuditEvent/log-1", ""),
    (What::Search, "GET", "/fhir/AuditEvent", ""),
    (What::Search, "GET", "/fhir/AuditEvent?patient=p2-kanarienvogel", ""),
    (What::Search, "GET", "/fhir/Consent", ""),
    (What::Search, "GET", "/fhir/Consent?patient=p2-kanarienvogel", ""),
    (What::Summary, "GET", "/fhir/Patient/p1/$summary", ""),
    (What::Summary, "GET", "/fhir/Patient/p2-kanarienvogel/$summary", ""),
    (What::Everything, "GET", "/fhir/Patient/p1/$everything", ""),
    (
        What::Batch,
        "POST",
        "/fhir",
        r#"{"resourceType":"Bundle","type":"batch","entry":[{"request":{"method":"GET","url":"Observation/COPY"}},{"request":{"method":"GET","url":"Observation/o2"}}]}"#,
    ),
    (What::Proof, "GET", "/fhir/Observation/COPY/$proof", ""),
];

const HOUR_MS: u64 = 3_600_000;

/// What a record of a grant says, different for every grant.
fn canary(grant: &Granted) -> String {
    format!("Grantcanary{}", &grant.held.grant.to_string()[..16])
}

/// The one copy of a grant that says something.
fn copy_of(world: &World, grant: &Granted) -> Option<String> {
    let copies = world.engine.copies(&grant.held.grant.to_string());
    let copy = copies.iter().find(|copy| copy["resourceType"] == "Observation")?;
    Some(copy["id"].as_str()?.to_owned())
}

/// Somebody who may reads, and thereby brings the copies here.
async fn bring(world: &World, token: &str, patient: &str) {
    world.get(token, &format!("/fhir/Observation?patient={patient}")).await;
}

/// Puts a copy into the engine without asking anybody.
async fn plant(world: &World, grant: &Granted) {
    let text = format!(
        r#"{{"resourceType":"Observation","id":"sx-planted","valueString":"{}","subject":{{"reference":"Patient/p1"}}}}"#,
        canary(grant)
    );
    let resources = vec![serde_json::value::RawValue::from_string(text).expect("json")];
    let set = ShareSet { patient: PATIENT.into(), expires: "2100-01-01T00:00:00Z".into(), resources };
    world.gateway.engine.put_share(&grant.held.grant.to_string(), &set).await.expect("put");
}

/// Brings a hospital into a state; returns the grant and the copy's id.
async fn enter(world: &World, consent: Consent) -> (Granted, String) {
    let mine = world.clinician();
    let named = world.practitioner("dr-cy").commitment;
    let grant = world
        .grant(|held| match consent {
            Waiting => held.grant = salus_types::GrantId(salus_types::Digest(salus_crypto::random::bytes())),
            NotBegun => held.not_before_ms = crate::clock::now_ms() + HOUR_MS,
            OtherPurpose => held.purpose = Purpose::Payment,
            OtherPatient => held.patient = OTHER.into(),
            ProtectedForPayment => (held.purpose, held.categories) = (Purpose::Payment, vec![Category::Hiv]),
            OtherPractitioner => held.practitioner = Some(named),
            _ => (),
        })
        .await;
    if consent == Consent::None {
        world.withdraw_letter(&grant);
    }
    world.behind(&grant, &[&observation("b-1", &canary(&grant))]);
    match consent {
        Consent::None | Waiting | NotBegun | ProtectedForPayment => plant(world, &grant).await,
        Live | Revoked | Expired | Dropped | Restricted | Erased => bring(world, &mine, PATIENT).await,
        OtherPurpose => bring(world, &world.on_behalf("dr-bo", PATIENT, Purpose::Payment), PATIENT).await,
        OtherPatient => bring(world, &world.on_behalf("dr-bo", OTHER, Purpose::Treatment), OTHER).await,
        OtherPractitioner => {
            bring(world, &world.on_behalf("dr-cy", PATIENT, Purpose::Treatment), PATIENT).await
        }
    }
    let copy = copy_of(world, &grant).unwrap_or_else(|| panic!("{consent:?}: no copy"));
    match consent {
        Revoked | Dropped => world.revoke(&grant).await,
        Expired => crate::clock::advance(2 * HOUR_MS),
        _ => (),
    }
    if consent == Restricted {
        restrict(world).await;
    }
    if consent == Erased {
        let versions = world.vault.versions_of(&grant);
        let notice = crate::testing::erasures::notice("hospital-b", versions.clone());
        world.gateway.shares.erase(&world.gateway, &notice).await.expect("erased");
        world.custodians_erased(&grant, &versions);
        assert!(copy_of(world, &grant).is_none());
    }
    if consent == Dropped {
        world.gateway.shares.consider(&world.gateway, grant.held.grant).await.expect("dropped");
        assert!(copy_of(world, &grant).is_none());
    }
    (grant, copy)
}

/// The patient asks that the record be kept and not used, and the organisation agrees.
async fn restrict(world: &World) {
    let person = Person::enrolled(&world.gateway, PATIENT).await;
    let cases = person.asks(&world.gateway, json!({ "ask": "restrict", "reason": "I contest it" })).await;
    let path = format!("/staff/cases/{}/answer", cases[0]["id"].as_str().expect("an id"));
    steward(world, &path, r#"{"accept":true,"words":"yes"}"#).await;
}

/// Records of each class.
fn populate(world: &World) {
    let about = |patient: &str| json!({ "reference": format!("Patient/{patient}") });
    for (id, text, labels) in [("own", OWN, json!([])), ("hiv", PROTECTED, json!([{ "code": "HIV" }]))] {
        world.engine.keep(
            Some(PATIENT),
            json!({ "resourceType": "Observation", "id": id, "meta": { "security": labels }, "valueString": text,
                "category": [{ "coding": [{ "code": "vital-signs" }] }], "subject": about(PATIENT) }),
        );
    }
    world.engine.keep(
        Some(OTHER),
        json!({ "resourceType": "Binary", "id": "doc2", "contentType": "text/plain", "securityContext": about(OTHER),
            "data": "S2FuYXJpZW52b2dlbA==" }),
    );
}

const CALLERS: [&str; 8] = ["clinician", "payer", "research", "clerk", "steward", "system", "app", "nobody"];

async fn token_of(world: &World, who: &str) -> Option<String> {
    Some(match who {
        "clinician" => world.clinician(),
        "payer" => world.on_behalf("dr-bo", PATIENT, Purpose::Payment),
        "research" => world.on_behalf("dr-bo", PATIENT, Purpose::Research),
        "clerk" => world.on_behalf("front-desk", PATIENT, Purpose::Treatment),
        "steward" => world.on_behalf("root", PATIENT, Purpose::Treatment),
        "system" => world.system("system/*.cruds"),
        "app" => apps::app_of(world, PATIENT).await,
        _ => return None,
    })
}

/// Whether the shared copy may be seen; nobody else ever sees it.
fn sees_copy(consent: Consent, who: &str) -> bool {
    matches!((consent, who), (Live, "clinician") | (OtherPurpose, "payer"))
}

/// Whether the patient's own record here may be seen, and what of it is protected.
fn sees_own(consent: Consent, who: &str) -> (bool, bool) {
    match who {
        // The system is kept from it by the engine, by id.
        _ if consent == Restricted => (false, false),
        "clinician" | "payer" | "system" => (true, true),
        // Nobody ticked what is protected for it.
        "app" => (true, false),
        _ => (false, false),
    }
}

/// What an answer shows that it must not, and what of a search it does not show that it must.
fn judged(answer: &Answer, consent: Consent, who: &str, holds: bool, canary: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    let headers = format!("{:?}", answer.headers);
    let (own, protected) = sees_own(consent, who);
    for (what, secret, may) in [
        ("the shared record", canary, sees_copy(consent, who)),
        ("the own record", OWN, own),
        ("what is protected", PROTECTED, protected),
    ] {
        if answer.body.contains(secret) && !may {
            wrong.push(format!("{what} is shown: {}", answer.body));
        }
        if holds && may && !answer.body.contains(secret) {
            wrong.push(format!("{what} is not shown: {}", answer.body));
        }
        if headers.contains(secret) {
            wrong.push("a header leaks".to_owned());
        }
    }
    // A system may read its own organisation's patients; nobody else the one whose chart is not open.
    if who != "system" && (answer.body.contains(CANARY) || answer.body.contains("kanarienvogel")) {
        wrong.push(format!("the other patient is shown: {}", answer.body));
    }
    if headers.contains(CANARY) || headers.contains("kanarienvogel") {
        wrong.push("a header leaks".to_owned());
    }
    let json = answer.json();
    let entries = json["entry"].as_array().map_or(0, Vec::len) as u64;
    let paged = json["link"].as_array().into_iter().flatten().any(|link| link["relation"] == "next");
    let noted = json.to_string().contains("\"mode\":\"outcome\"");
    if json["total"].as_u64().is_some_and(|total| !paged && total != entries - u64::from(noted)) {
        wrong.push(format!("the total tells of more: {}", answer.body));
    }
    wrong
}

/// Everything that is not as it must be.
async fn findings(consent: Consent, leak: Leak) -> Vec<String> {
    let world = World::new().await;
    populate(&world);
    let app = token_of(&world, "app").await;
    let (grant, copy) = enter(&world, consent).await;
    world.engine.leak(leak);
    let canary = canary(&grant);
    let mut wrong = Vec::new();
    for (what, method, path, body) in READS {
        for who in CALLERS {
            let token = if who == "app" { app.clone() } else { token_of(&world, who).await };
            let (path, body) = (path.replace("COPY", &copy), body.replace("COPY", &copy));
            let answer = world.ask(token.as_deref(), method, &path, &body).await;
            // A search that is not by the copy's id finds what may be seen.
            let searches = matches!(what, What::Search | What::SystemSearch | What::CompartmentSearch);
            let holds = searches && answer.status.is_success() && path.contains("patient=p1");
            for finding in judged(&answer, consent, who, holds, &canary) {
                wrong
                    .push(format!("{consent:?} {what:?} {who} {method} {path} {}: {finding}", answer.status));
            }
        }
    }
    let lines = Logs::everywhere().own_text();
    for secret in [canary.as_str(), CANARY, OTHER, &copy, OWN, PROTECTED] {
        if lines.contains(secret) {
            wrong.push(format!("{consent:?}: `{secret}` is in the log"));
        }
    }
    wrong
}

#[tokio::test]
async fn a_shared_record_is_seen_by_whom_the_patient_chose_while_the_consent_lives_and_by_nobody_else() {
    Logs::everywhere();
    let mut wrong = Vec::new();
    for consent in ALL {
        wrong.extend(findings(consent, Leak::Nothing).await);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(Logs::everywhere().own_text().contains("/fhir/{type}/{id}"), "the log has lines");
}

#[tokio::test]
async fn an_engine_that_leaks_is_found_in_every_state() {
    for consent in ALL.into_iter().filter(|consent| !matches!(consent, Live | Dropped | Erased)) {
        let wrong = findings(consent, Leak::Everything).await;
        let shown = |what: &str| wrong.iter().any(|line| line.contains(what));
        assert!(shown("the shared record is shown"), "{consent:?}: {wrong:?}");
        // Where the record is restricted, nobody but a system is answered, and it may see the other patient.
        assert!(consent == Restricted || shown("the other patient is shown"), "{consent:?}: {wrong:?}");
    }
}

#[tokio::test]
async fn an_engine_that_leaks_is_found_wherever_it_leaks() {
    for (leak, found) in [
        (Leak::Totals, "the total tells of more"),
        (Leak::Links, "the other patient is shown"),
        (Leak::Headers, "a header leaks"),
        (Leak::Errors, "the other patient is shown"),
    ] {
        let wrong = findings(Revoked, leak).await;
        assert!(
            wrong.iter().any(|line| line.contains(found)),
            "{leak:?}: {} findings, none of `{found}`",
            wrong.len()
        );
    }
}

#[test]
fn every_interaction_that_reads_is_tried() {
    let tried: HashSet<What> = READS.iter().map(|(what, ..)| *what).collect();
    // What an export reads comes later, as files: `bulk::tests::export` tries it with copies and with an engine that leaks.
    let elsewhere = |what: &What| matches!(what.action(), Action::Write | Action::Export | Action::Import);
    for what in What::ALL.iter().filter(|what| !elsewhere(what)) {
        assert!(tried.contains(what), "{what:?}");
    }
}
