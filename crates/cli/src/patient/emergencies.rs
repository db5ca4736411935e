//! Emergencies in which the person's summary was opened: as the hospital tells them, and as the ledger has them.

use super::Session;
use crate::clock::words;
use crate::output::Output;
use salus_types::emergency::emergency_target;
use salus_types::state::{EmergencyEntry, ReviewEntry, key};
use salus_types::{CompartmentId, EmergencyId, OrganisationId};
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Emergency {
    event: EmergencyId,
    time_ms: u64,
    /// Whose summary.
    source: OrganisationId,
    /// Who opened it: the organisation, and the person once that has said who.
    by: OrganisationId,
    name: Option<String>,
    role: Option<String>,
    ground: String,
    reason: Option<String>,
    /// What the ledger has is about this person.
    own: bool,
    /// `due`, `overdue`, `justified`, `not-justified`; the last two may be `late`.
    review: &'static str,
    late: bool,
}

pub(super) async fn print(session: &Session, output: Output) -> anyhow::Result<()> {
    let now_ms = session.relay.head().await?.time_ms;
    let (mut told, mut silent) = (BTreeMap::new(), Vec::new());
    for source in session.sources()? {
        let Ok(log) = session.own_log(&source).await else {
            silent.push(source.id);
            continue;
        };
        for entry in log["entries"].as_array().into_iter().flatten() {
            let event =
                entry["emergency"]["event"].as_str().and_then(|event| event.parse::<EmergencyId>().ok());
            let Some(event) = event else { continue };
            // A holder may have told of it before who opened it has said who that was.
            if !told.contains_key(&event) || !entry["name"].as_str().unwrap_or_default().is_empty() {
                told.insert(event, (source.id.clone(), entry.clone()));
            }
        }
    }
    let mut found = Vec::new();
    for (event, (source, entry)) in told {
        found.extend(on_ledger(session, event, source, &entry, now_ms).await?);
    }
    found.sort_by_key(|emergency| std::cmp::Reverse(emergency.time_ms));
    output.result(&json!({ "emergencies": found, "silent": silent }), || {
        let mut lines: Vec<String> = found.iter().map(line).collect();
        if lines.is_empty() {
            lines.push("Nobody has opened an emergency summary.".to_owned());
        }
        lines.extend(silent.iter().map(|id| format!("`{id}` did not answer; what it knows is not here.")));
        lines.join("\n")
    })
}

async fn on_ledger(
    session: &Session,
    event: EmergencyId,
    source: OrganisationId,
    told: &Value,
    now_ms: u64,
) -> anyhow::Result<Option<Emergency>> {
    let Some(entry) = session.relay.state::<EmergencyEntry>(key::emergency(&event)).await? else {
        return Ok(None);
    };
    let review = session.relay.state::<ReviewEntry>(key::review(&event)).await?;
    let text = |field: &str| told[field].as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    Ok(Some(Emergency {
        event,
        time_ms: entry.time_ms,
        own: is_own(&entry, &source, &told["emergency"]),
        source,
        by: entry.organisation,
        name: text("name"),
        role: text("role"),
        ground: entry.ground.to_string(),
        reason: text("reason"),
        review: match &review {
            Some(review) if review.justified => "justified",
            Some(_) => "not-justified",
            None if now_ms > entry.review_due_ms => "overdue",
            None => "due",
        },
        late: review.is_some_and(|review| review.late),
    }))
}

/// Whether the source's words open what the event is about.
fn is_own(entry: &EmergencyEntry, source: &OrganisationId, told: &Value) -> bool {
    let mut salt = [0; 32];
    let opened = hex::decode_to_slice(told["salt"].as_str().unwrap_or_default(), &mut salt).is_ok();
    let compartment = told["compartment"].as_str().and_then(|id| id.parse::<CompartmentId>().ok());
    opened && compartment.is_some_and(|id| emergency_target(&salt, source, &id) == entry.target)
}

fn line(emergency: &Emergency) -> String {
    let who = emergency.name.as_deref().unwrap_or("somebody who has not said who it was yet");
    let review = match emergency.review {
        "justified" => "looked at again, and found right",
        "not-justified" => "looked at again, and found not right",
        "overdue" => "not looked at again, though that was due",
        _ => "to be looked at again",
    };
    let mut text = format!(
        "{}  {who} at {} opened what {} keeps for emergencies ({}); {review}{}  {}",
        words(emergency.time_ms),
        emergency.by,
        emergency.source,
        emergency.ground,
        if emergency.late { ", too late" } else { "" },
        emergency.event
    );
    if let Some(reason) = &emergency.reason {
        text.push_str(&format!("\n  Reason given: {reason}"));
    }
    if !emergency.own {
        text.push_str("\n  The network's shared record does not say that this was about you.");
    }
    text
}
