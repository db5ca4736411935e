//! Who sees a shared record: every reading interaction, in every state that a patient's consent can be in, by every
//! kind of caller. Where nothing was imported, the copy is put into the engine all the same: what keeps it back is
//! the gateway's decision, not its absence.

use super::world::{CANARY, Granted, OTHER, PATIENT, World, observation};
use crate::engine::ShareSet;
use crate::fhir::ask::What;
use crate::testing::logs::Logs;
use salus_policy::Action;
use salus_types::category::Purpose;
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
}

use Consent::{
    Dropped, Expired, Live, NotBegun, OtherPatient, OtherPractitioner, OtherPurpose, Revoked, Waiting,
};

const ALL: [Consent; 10] = [
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
];

/// Interaction, method, path and body; `COPY` is the copy's id.
const READS: [(What, &str, &str, &str); 14] = [
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
    (What::CompartmentSearch, "GET", "/fhir/Patient/p1/Observation", ""),
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
            OtherPractitioner => held.practitioner = Some(named),
            _ => (),
        })
        .await;
    if consent == Consent::None {
        world.withdraw_letter(&grant);
    }
    world.behind(&grant, &[&observation("b-1", &canary(&grant))]);
    match consent {
        Consent::None | Waiting | NotBegun => plant(world, &grant).await,
        Live | Revoked | Expired | Dropped => bring(world, &mine, PATIENT).await,
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
    if consent == Dropped {
        world.gateway.shares.consider(&world.gateway, grant.held.grant).await.expect("dropped");
        assert!(copy_of(world, &grant).is_none());
    }
    (grant, copy)
}

/// Everything that is not as it must be.
async fn findings(consent: Consent, leaks: bool) -> Vec<String> {
    let world = World::new().await;
    let (grant, copy) = enter(&world, consent).await;
    if leaks {
        world.engine.leak();
    }
    let canary = canary(&grant);
    let callers = [
        ("clinician", Some(world.clinician())),
        ("research", Some(world.on_behalf("dr-bo", PATIENT, Purpose::Research))),
        ("clerk", Some(world.on_behalf("front-desk", PATIENT, Purpose::Treatment))),
        ("steward", Some(world.on_behalf("root", PATIENT, Purpose::Treatment))),
        ("system", Some(world.system("system/*.cruds"))),
        ("nobody", None),
    ];
    let mut wrong = Vec::new();
    for (what, method, path, body) in READS {
        for (who, token) in &callers {
            let (path, body) = (path.replace("COPY", &copy), body.replace("COPY", &copy));
            let answer = world.ask(token.as_deref(), method, &path, &body).await;
            let headers = format!("{:?}", answer.headers);
            let case = format!("{consent:?} {what:?} {who} {method} {path} {}", answer.status);
            // A batch reaches the organisation's own records alone.
            let may = consent == Live && *who == "clinician" && what != What::Batch;
            if answer.body.contains(&canary) != may {
                wrong.push(format!(
                    "{case}: the shared record is {}shown: {}",
                    if may { "not " } else { "" },
                    answer.body
                ));
            }
            // A system may read its own organisation's patients; nobody else the one whose chart is not open.
            if *who != "system" && (answer.body.contains(CANARY) || answer.body.contains("kanarienvogel")) {
                wrong.push(format!("{case}: the other patient is shown: {}", answer.body));
            }
            if [canary.as_str(), CANARY].iter().any(|secret| headers.contains(secret)) {
                wrong.push(format!("{case}: a header leaks"));
            }
        }
    }
    let lines = Logs::everywhere().own_text();
    for secret in [canary.as_str(), CANARY, OTHER, &copy] {
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
        wrong.extend(findings(consent, false).await);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(Logs::everywhere().own_text().contains("/fhir/{type}/{id}"), "the log has lines");
}

#[tokio::test]
async fn an_engine_that_leaks_is_found_in_every_state() {
    for consent in ALL.into_iter().filter(|consent| !matches!(consent, Live | Dropped)) {
        let wrong = findings(consent, true).await;
        let shown = |what: &str| wrong.iter().any(|line| line.contains(what));
        assert!(shown("the shared record is shown"), "{consent:?}: {wrong:?}");
        assert!(shown("the other patient is shown"), "{consent:?}: {wrong:?}");
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
