//! A clinician, and somebody who cannot be asked.

use super::rows::{self, Emergency, Event};
use super::{FINAL_WITHIN, person, queue, told};
use crate::body::Json;
use crate::clock;
use crate::error::{Code, Error};
use crate::log::{Access, Kind};
use crate::peer::PeerError;
use crate::practitioner::Practitioner;
use crate::staff::{self, charts, patients};
use crate::state::Gateway;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Method};
use futures::future::join_all;
use salus_crypto::random;
use salus_policy::Action;
use salus_types::action::BreakGlass;
use salus_types::category::Purpose;
use salus_types::emergency::{EMERGENCY_ACCESS_MS, EmergencyGround, emergency_target, words_commitment};
use salus_types::organisation::Class;
use salus_types::vault::{EmergencyAccount, EmergencyAsk, EmergencyFound, EmergencyNotice};
use salus_types::{CompartmentId, Digest, OrganisationId, Text};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::PoisonError;
use std::time::Duration;

/// Longest wait for an organisation that is asked whether it knows the person.
const FIND_WITHIN: Duration = Duration::from_secs(2);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Begin {
    patient: String,
    ground: EmergencyGround,
    reason: String,
}

/// What another organisation says.
pub(super) enum Known {
    Yes(EmergencyFound),
    No,
    Silent,
}

pub(super) async fn begin(
    State(gateway): State<Gateway>,
    headers: HeaderMap,
    Json(ask): Json<Begin>,
) -> Result<Json<Value>, Error> {
    let member = gateway.staff.member(&gateway, &headers)?;
    let words = charts::checked_reason(&ask.reason)?;
    staff::decide(&member, Action::BreakGlass, Purpose::Emergency, !words.is_empty(), false)?;
    if !crate::fhir::is_id(&ask.patient) {
        return Err(Error::new(Code::Invalid, "the patient's id does not parse"));
    }
    let at = format!("/fhir/Patient/{}", ask.patient);
    let patient = patients::fetch(&gateway, &member.id, Method::GET, &at, String::new()).await?;
    let patient =
        patient.ok_or_else(|| Error::new(Code::NotFound, "this organisation has no such patient"))?;
    let time_ms = clock::now_ms();
    let until_ms = time_ms + EMERGENCY_ACCESS_MS;
    let chart = charts::open_in_emergency(&gateway, &member, &ask.patient, &words, until_ms).await?;
    let asked = ask_all(&gateway, &patient).await;
    let id = format!("{time_ms:016x}-{}", hex::encode(random::bytes::<8>()));
    let emergency = Emergency {
        practitioner: member.id.clone(),
        patient: ask.patient,
        chart,
        ground: ask.ground,
        words,
        salt: random::bytes(),
        time_ms,
        until_ms,
        events: Vec::new(),
        review: None,
    };
    let emergency = break_all(&gateway, &member, &id, emergency, &asked).await?;
    let mut shown = shown(&gateway, &id, &emergency).await?;
    shown["silent"] = json!(silent(&asked));
    Ok(Json(shown))
}

/// Whether such organisations keep anything for an emergency.
fn treats(class: Class) -> bool {
    matches!(class, Class::Provider | Class::Pharmacy)
}

/// Asks every other provider and pharmacy whether it knows the person.
async fn ask_all(gateway: &Gateway, patient: &Value) -> Vec<(OrganisationId, Known)> {
    let network = gateway.chain().network();
    let others = network
        .organisations()
        .filter(|one| treats(one.class) && one.id != gateway.config.organisation)
        .map(|one| one.id.clone());
    let Ok(person) = person::of(patient) else {
        return others.map(|other| (other, Known::Silent)).collect();
    };
    let asked = others.map(|other| {
        let person = &person;
        async move {
            let answer = gateway.ports.peers.find_emergency(&other, person);
            let known = match tokio::time::timeout(FIND_WITHIN, answer).await {
                Ok(Ok(Some(found))) => Known::Yes(found),
                Ok(Ok(None)) => Known::No,
                // It keeps no clinical records.
                Ok(Err(PeerError::Refused { code, .. })) if code == "not-supported" => Known::No,
                Ok(Err(_)) | Err(_) => Known::Silent,
            };
            (other, known)
        }
    });
    join_all(asked).await
}

fn silent(asked: &[(OrganisationId, Known)]) -> Vec<&OrganisationId> {
    asked.iter().filter(|(_, known)| matches!(known, Known::Silent)).map(|(other, _)| other).collect()
}

/// Puts one event for each summary on the ledger, or one for the chart here; each is kept before it is handed in.
pub(super) async fn break_all(
    gateway: &Gateway,
    member: &Practitioner,
    id: &str,
    mut emergency: Emergency,
    asked: &[(OrganisationId, Known)],
) -> Result<Emergency, Error> {
    let found = asked.iter().filter_map(|(source, known)| match known {
        Known::Yes(found) => Some((source, found)),
        Known::No | Known::Silent => None,
    });
    for (source, found) in found {
        let holders = found.holders.to_vec();
        emergency.events.push(event(gateway, member, &emergency, (source, found.compartment), holders, None));
    }
    keep(gateway, id, &emergency).await?;
    let submitted = emergency
        .events
        .iter()
        .filter_map(Event::action)
        .map(|action| async move { gateway.submit(action, FINAL_WITHIN).await.is_ok() });
    let on_ledger = join_all(submitted).await.into_iter().any(|done| done);
    if !on_ledger {
        // What was opened is the chart here: that is what the event is about, now or when the ledger answers again.
        let began = Some(emergency.time_ms);
        let own = (&gateway.config.organisation, CompartmentId(Digest(random::bytes())));
        let event = event(gateway, member, &emergency, own, Vec::new(), began);
        emergency.events.push(queue::signed(gateway, event));
        keep(gateway, id, &emergency).await?;
        queue::add(gateway, id, emergency.time_ms).await?;
        // Where others were found, the ledger has just not answered.
        if emergency.events.len() == 1
            && let Err(error) = queue::hand_in(gateway).await
        {
            tracing::warn!(%error, "an emergency waits for the ledger");
        }
    }
    Ok(emergency)
}

fn event(
    gateway: &Gateway,
    member: &Practitioner,
    emergency: &Emergency,
    (source, compartment): (&OrganisationId, CompartmentId),
    holders: Vec<OrganisationId>,
    began_ms: Option<u64>,
) -> Event {
    let salt = random::bytes();
    let action = BreakGlass {
        organisation: gateway.config.organisation.clone(),
        target: emergency_target(&salt, source, &compartment),
        practitioner: member.commitment,
        ground: emergency.ground,
        statement: words_commitment(&emergency.salt, &emergency.words),
        began_ms,
        nonce: random::bytes(),
    };
    Event::new(source.clone(), compartment, salt, holders, &action)
}

async fn keep(gateway: &Gateway, id: &str, emergency: &Emergency) -> Result<(), Error> {
    let (id, row) = (id.to_owned(), emergency.clone());
    Ok(gateway.store.write(move |tx| rows::EMERGENCIES.put(tx, &id, &row)).await?)
}

/// Reads the summaries again while the emergency lasts.
pub(super) async fn read_again(
    State(gateway): State<Gateway>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Json<Value>, Error> {
    let member = gateway.staff.member(&gateway, &headers)?;
    let emergency = gateway.store.read(|tx| rows::EMERGENCIES.get(tx, &id))?;
    let emergency = emergency.filter(|emergency| emergency.practitioner == member.id);
    let emergency = emergency
        .ok_or_else(|| Error::new(Code::Forbidden, "there is no such emergency of yours; begin one"))?;
    if emergency.until_ms <= clock::now_ms() {
        return Err(Error::new(Code::Gone, "the four hours are over"));
    }
    Ok(Json(shown(&gateway, &id, &emergency).await?))
}

/// The answer: each summary that opens. That it is read is in the log before.
pub(super) async fn shown(gateway: &Gateway, id: &str, emergency: &Emergency) -> Result<Value, Error> {
    let member = gateway.practitioners.find(&emergency.practitioner)?;
    let member = member.ok_or_else(|| Error::internal("an emergency of nobody"))?;
    let abroad = emergency.events.iter().filter(|event| event.signature.is_none());
    let sources = join_all(abroad.map(|event| opened(gateway, &member, emergency, event))).await;
    let sources = sources.into_iter().collect::<Result<Vec<_>, Error>>()?;
    Ok(json!({
        "id": id,
        "chart": emergency.chart,
        "patient": emergency.patient,
        "untilMs": emergency.until_ms,
        "sources": sources,
    }))
}

async fn opened(
    gateway: &Gateway,
    member: &Practitioner,
    emergency: &Emergency,
    event: &Event,
) -> Result<Value, Error> {
    let mut shown = json!({ "organisation": event.source, "state": "not-opened", "event": event.id() });
    let Some((entry, _)) = told::on_ledger(gateway, &event.id()).await? else { return Ok(shown) };
    if entry.access_until_ms <= told::now(gateway) {
        return Ok(shown);
    }
    record(gateway, member, emergency).await?;
    match collect(gateway, member, emergency, event, entry.access_until_ms).await {
        Ok(summary) => {
            shown["state"] = json!("opened");
            shown["madeMs"] = json!(summary.made_ms);
            shown["summary"] = serde_json::from_slice(&summary.text).map_err(Error::internal)?;
        }
        Err(error) => {
            tracing::warn!(%error, source = %event.source, "an emergency summary does not open");
        }
    }
    Ok(shown)
}

/// The summary from memory, or from its holders; the source is told first.
async fn collect(
    gateway: &Gateway,
    member: &Practitioner,
    emergency: &Emergency,
    event: &Event,
    until_ms: u64,
) -> Result<super::OpenedSummary, Error> {
    let id = event.id();
    let known = gateway.emergencies.opened.lock().unwrap_or_else(PoisonError::into_inner).get(&id).cloned();
    if let Some((_, summary)) = known {
        return Ok(summary);
    }
    let ask = EmergencyAsk {
        event: id,
        salt: event.salt,
        source: event.source.clone(),
        compartment: event.compartment,
    };
    let credential =
        member.credential().ok_or_else(|| Error::internal("a practitioner without a credential"))?;
    let words = Text::new(emergency.words.as_str()).map_err(Error::internal)?;
    let account = Some(EmergencyAccount { credential, salt: emergency.salt, words });
    let vault = &gateway.ports.emergencies;
    vault.tell(EmergencyNotice { ask: ask.clone(), account }).await.map_err(crate::peer::refused)?;
    let summary = vault.open(&ask, &event.holders).await.map_err(crate::peer::refused)?;
    let mut opened = gateway.emergencies.opened.lock().unwrap_or_else(PoisonError::into_inner);
    opened.insert(id, (until_ms, summary.clone()));
    Ok(summary)
}

async fn record(gateway: &Gateway, member: &Practitioner, emergency: &Emergency) -> Result<(), Error> {
    let access = Access::about(
        charts::who(member),
        Kind::EmergencyRead,
        &emergency.patient,
        Some(Purpose::Emergency),
        &emergency.words,
    );
    gateway.log.append(access)?.durable().await
}
