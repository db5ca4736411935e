//! The privacy steward's queue: every emergency of this organisation, with its clock; and, of the whole network, what the
//! ledger says. Whose record it was is not shown: a steward watches who looks, not at whom.

use super::rows::{EMERGENCIES, Emergency, Event, Words};
use super::{FINAL_WITHIN, told};
use crate::body::{Json, Params};
use crate::clock;
use crate::error::{Code, Error};
use crate::staff::{self, charts};
use crate::state::Gateway;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use salus_crypto::random;
use salus_policy::Action;
use salus_types::action::Review;
use salus_types::category::Purpose;
use salus_types::emergency::words_commitment;
use salus_types::state::{EmergencyEntry, ReviewEntry, key};
use salus_types::{EmergencyId, decode_canonical};
use serde::Deserialize;
use serde_json::{Value, json};

/// Most emergencies in one answer, of this organisation and of the network.
const LISTED: usize = 100;
const LISTED_OF_NETWORK: u64 = 100;

#[derive(Deserialize)]
pub(super) struct Range {
    /// Only emergencies that sort before this id.
    before: Option<String>,
}

pub(super) async fn list(
    State(gateway): State<Gateway>,
    headers: HeaderMap,
    Params(range): Params<Range>,
) -> Result<Json<Value>, Error> {
    let member = gateway.staff.allowed(&gateway, &headers, Action::ReviewEmergency)?;
    let rows = gateway.store.read(|tx| match &range.before {
        Some(before) => EMERGENCIES.scan_before(tx, before, LISTED),
        None => EMERGENCIES.scan_last(tx, "", LISTED),
    })?;
    let mut own = Vec::with_capacity(rows.len());
    for (id, emergency) in rows {
        own.push(shown(&gateway, &member.id, &id, emergency).await?);
    }
    Ok(Json(json!({ "own": own, "network": network(&gateway).await? })))
}

async fn shown(gateway: &Gateway, asker: &str, id: &str, emergency: Emergency) -> Result<Value, Error> {
    let who = gateway.practitioners.find(&emergency.practitioner)?;
    let mut events = Vec::new();
    let (mut due_ms, mut late, mut open) = (u64::MAX, false, false);
    for event in &emergency.events {
        let Some((entry, review)) = told::on_ledger(gateway, &event.id()).await? else { continue };
        due_ms = due_ms.min(entry.review_due_ms);
        late |= review.as_ref().is_some_and(|review| review.late);
        open |= review.is_none();
        events.push(json!({ "event": event.id(), "organisation": event.source, "number": entry.number }));
    }
    let waiting = emergency.events.iter().any(|event| event.signature.is_some()) && events.is_empty();
    let state = match (waiting, open, events.is_empty()) {
        (true, _, _) => "waiting",
        (_, _, true) => "nothing-opened",
        (_, true, _) if due_ms <= gateway.chain().head().time_ms => "overdue",
        (_, true, _) => "open",
        _ if late => "reviewed-late",
        _ => "reviewed",
    };
    Ok(json!({
        "id": id,
        "timeMs": emergency.time_ms,
        "untilMs": emergency.until_ms,
        "dueMs": (due_ms != u64::MAX).then_some(due_ms),
        "state": state,
        "mayReview": open && emergency.practitioner != asker,
        "name": who.as_ref().map(|who| who.name.as_str()),
        "role": who.as_ref().map(|who| who.role.as_str()),
        "ground": emergency.ground,
        "reason": emergency.words,
        "events": events,
        "review": emergency.review.map(|review| json!({
            "justified": review.justified,
            "words": review.words,
            "name": gateway.practitioners.find(&review.reviewer).ok().flatten().map(|who| who.name),
        })),
    }))
}

/// The newest events of all organisations, from the ledger alone.
async fn network(gateway: &Gateway) -> Result<Vec<Value>, Error> {
    let chain = gateway.chain();
    let count = chain.state(key::emergencies()).await?;
    let count: u64 = count.and_then(|count| decode_canonical(&count).ok()).unwrap_or_default();
    let mut shown = Vec::new();
    for number in (count.saturating_sub(LISTED_OF_NETWORK)..count).rev() {
        let id = chain.state(key::emergency_of_number(number)).await?;
        let Some(id) = id.and_then(|id| decode_canonical::<EmergencyId>(&id).ok()) else { continue };
        if let Some((entry, review)) = told::on_ledger(gateway, &id).await? {
            shown.push(of_network(&id, &entry, review, chain.head().time_ms));
        }
    }
    Ok(shown)
}

fn of_network(id: &EmergencyId, entry: &EmergencyEntry, review: Option<ReviewEntry>, now_ms: u64) -> Value {
    let state = match &review {
        Some(review) if review.late => "reviewed-late",
        Some(_) => "reviewed",
        None if entry.review_due_ms <= now_ms => "overdue",
        None => "open",
    };
    json!({
        "event": id,
        "number": entry.number,
        "organisation": entry.organisation,
        "timeMs": entry.time_ms,
        "beganMs": entry.began_ms,
        "ground": entry.ground,
        "dueMs": entry.review_due_ms,
        "state": state,
        "justified": review.map(|review| review.justified),
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Decision {
    justified: bool,
    words: String,
}

pub(super) async fn review(
    State(gateway): State<Gateway>,
    Path(id): Path<String>,
    headers: HeaderMap,
    Json(decision): Json<Decision>,
) -> Result<StatusCode, Error> {
    let member = gateway.staff.member(&gateway, &headers)?;
    let words = charts::checked_reason(&decision.words)?;
    staff::decide(&member, Action::ReviewEmergency, Purpose::Operations, !words.is_empty(), false)?;
    if words.is_empty() {
        return Err(Error::new(Code::Invalid, "say in words why"));
    }
    let emergency = gateway.store.read(|tx| EMERGENCIES.get(tx, &id))?;
    let emergency = emergency.ok_or_else(|| Error::new(Code::NotFound, "there is no such emergency here"))?;
    if emergency.practitioner == member.id {
        return Err(Error::new(Code::Forbidden, "who broke the glass may not review it"));
    }
    let open = unreviewed(&gateway, &emergency.events).await?;
    if open.is_empty() {
        return Err(Error::new(Code::Conflict, "there is nothing to review, or it was reviewed already"));
    }
    let words = Words { reviewer: member.id, justified: decision.justified, words, salt: random::bytes() };
    let row = Emergency { review: Some(words.clone()), ..emergency };
    let at = id.clone();
    gateway.store.write(move |tx| EMERGENCIES.put(tx, &at, &row)).await?;
    for event in open {
        let organisation = gateway.config.organisation.clone();
        let statement = words_commitment(&words.salt, &words.words);
        let (justified, reviewer) = (words.justified, member.commitment);
        gateway.submit(Review { organisation, event, justified, reviewer, statement }, FINAL_WITHIN).await?;
    }
    tracing::info!(time_ms = clock::now_ms(), "an emergency access is reviewed");
    Ok(StatusCode::NO_CONTENT)
}

/// Events that are on the ledger and have no review yet.
async fn unreviewed(gateway: &Gateway, events: &[Event]) -> Result<Vec<EmergencyId>, Error> {
    let mut open = Vec::new();
    for event in events {
        if let Some((_, None)) = told::on_ledger(gateway, &event.id()).await? {
            open.push(event.id());
        }
    }
    Ok(open)
}
