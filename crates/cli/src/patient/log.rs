//! Who looked: access events of the ledger, joined with what each organisation's own log says.

use super::Session;
use crate::clock::now_ms;
use crate::demo_data::Date;
use crate::output::Output;
use salus_types::state::{AccessEntry, key};
use salus_types::vault::{PatientAsk, SealedEnvelope};
use salus_types::{AccessId, label};
use salus_vault::open_envelope;
use serde::Serialize;
use serde_json::Value;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    time_ms: u64,
    organisation: String,
    /// The access event on the ledger, if there is one.
    access: Option<String>,
    purpose: Option<String>,
    name: Option<String>,
    role: Option<String>,
    reason: Option<String>,
    action: Option<String>,
    count: Option<u64>,
}

pub(super) async fn print(session: &Session, output: Output) -> anyhow::Result<()> {
    let mut entries = events(session).await?;
    for source in session.sources()? {
        // An organisation that does not answer now leaves the ledger's events in place.
        if let Ok(log) = own_log(session, &source).await {
            for entry in log["entries"].as_array().into_iter().flatten() {
                merge(&mut entries, source.id.as_str(), entry);
            }
        }
    }
    entries.sort_by_key(|entry| std::cmp::Reverse(entry.time_ms));
    output.result(&serde_json::json!({ "entries": entries }), || {
        let lines: Vec<String> = entries.iter().map(line).collect();
        if lines.is_empty() { "Nobody has looked yet.".to_owned() } else { lines.join("\n") }
    })
}

/// Every access event under every grant, by number, so that none can be left out.
async fn events(session: &Session) -> anyhow::Result<Vec<Entry>> {
    let mut entries = Vec::new();
    for known in session.known_grants().await? {
        for number in 0..known.entry.accesses {
            let id: Option<AccessId> =
                session.relay.state(key::access_of_grant(&known.grant, number)).await?;
            let Some(id) = id else { continue };
            let Some(event) = session.relay.state::<AccessEntry>(key::access(&id)).await? else { continue };
            entries.push(Entry {
                time_ms: event.time_ms,
                organisation: event.organisation.to_string(),
                access: Some(id.to_string()),
                purpose: Some(event.purpose.to_string()),
                name: None,
                role: None,
                reason: None,
                action: Some("shared-read".to_owned()),
                count: Some(event.count.into()),
            });
        }
    }
    Ok(entries)
}

async fn own_log(
    session: &Session,
    source: &salus_types::organisation::Organisation,
) -> anyhow::Result<Value> {
    let (own, network) = (session.root.at(&source.id), session.members.network());
    let request = own.sign_request(network, &source.id, PatientAsk::AccessLog, now_ms()?, Vec::new())?;
    let answer: SealedEnvelope = session.relay.ask(&source.id, &request).await?;
    let plain = open_envelope(&answer, &source.node_key, &own.kem, label::HPKE_ACCESS_LOG, &network)?;
    Ok(serde_json::from_slice(&plain)?)
}

fn merge(entries: &mut Vec<Entry>, organisation: &str, logged: &Value) {
    let text = |name: &str| logged[name].as_str().map(str::to_owned);
    let event = text("access");
    let known = entries.iter_mut().find(|entry| event.is_some() && entry.access == event);
    if let Some(known) = known {
        (known.name, known.role, known.reason) = (text("name"), text("role"), text("reason"));
        return;
    }
    entries.push(Entry {
        time_ms: logged["timeMs"].as_u64().unwrap_or_default(),
        organisation: organisation.to_owned(),
        access: event,
        purpose: text("purpose"),
        name: text("name"),
        role: text("role"),
        reason: text("reason"),
        action: text("action"),
        count: logged["count"].as_u64(),
    });
}

fn line(entry: &Entry) -> String {
    let who = entry.name.as_deref().unwrap_or("somebody");
    let part = |text: &Option<String>| text.clone().unwrap_or_default();
    let seconds = entry.time_ms / 1_000;
    let day = Date::ymd(1970, 1, 1).plus_days(i32::try_from(seconds / 86_400).unwrap_or(i32::MAX)).iso();
    let time = format!("{day} {:02}:{:02} UTC", seconds / 3_600 % 24, seconds / 60 % 60);
    format!(
        "{time}  {:<13} {who} ({})  {}  {}",
        entry.organisation,
        part(&entry.role),
        part(&entry.action),
        part(&entry.purpose)
    )
}
