//! Who looked: access events of the ledger, joined with what each organisation's own log says.

use super::numbers::{Numbers, numbers};
use super::{KeyFile, Session};
use crate::clock::{now_ms, words};
use crate::output::Output;
use salus_types::organisation::Organisation;
use salus_types::state::{AccessEntry, key};
use salus_types::vault::{PatientAsk, SealedEnvelope};
use salus_types::{AccessId, label};
use salus_vault::open_envelope;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

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

/// What an organisation's own list lacks.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Gap {
    organisation: String,
    /// Numbers that are missing up to the highest one ever seen.
    missing: u64,
    /// Entries without a number, or with one that is there twice.
    doubtful: u64,
}

/// The highest numbers seen are remembered in the key file, so that a list that was cut off shows.
pub(super) async fn print(session: &Session, key: &Path, output: Output) -> anyhow::Result<()> {
    let (mut entries, mut gaps, mut silent) = (events(session).await?, Vec::new(), Vec::new());
    let mut seen = BTreeMap::new();
    for source in session.sources()? {
        // An organisation that does not answer now leaves the ledger's events in place.
        let Ok(log) = session.own_log(&source).await else {
            silent.push(source.id.to_string());
            continue;
        };
        let listed = log["entries"].as_array().map_or(&[][..], Vec::as_slice);
        let known: Vec<Option<u64>> = listed.iter().map(|entry| entry["number"].as_u64()).collect();
        let id = source.id.to_string();
        let before = session.file.seen.get(&id).copied().unwrap_or_default();
        let Numbers { highest, missing, doubtful } = numbers(&known, before);
        if missing + doubtful > 0 {
            gaps.push(Gap { organisation: id.clone(), missing, doubtful });
        }
        seen.insert(id, highest);
        listed.iter().for_each(|entry| merge(&mut entries, source.id.as_str(), entry));
    }
    // A key file that cannot be written is no reason to show nothing.
    let _ = KeyFile::remember_seen(key, &seen);
    entries.sort_by_key(|entry| std::cmp::Reverse(entry.time_ms));
    let shown = serde_json::json!({ "entries": entries, "gaps": gaps, "silent": silent });
    output.result(&shown, || {
        let mut lines: Vec<String> = gaps.iter().flat_map(gap).collect();
        lines.extend(silent.iter().map(|id| format!("`{id}` did not answer; its own list is not here.")));
        lines.extend(entries.iter().map(line));
        if lines.is_empty() { "Nobody has looked yet.".to_owned() } else { lines.join("\n") }
    })
}

fn gap(gap: &Gap) -> Vec<String> {
    let Gap { organisation, missing, doubtful } = gap;
    let entries = |count: u64| if count == 1 { "1 entry".to_owned() } else { format!("{count} entries") };
    let (is, has) = (if *missing == 1 { "is" } else { "are" }, if *doubtful == 1 { "has" } else { "have" });
    let lines = [
        (*missing, format!("{} {is} missing from the list of `{organisation}`.", entries(*missing))),
        (*doubtful, format!("{} in the list of `{organisation}` {has} no own number.", entries(*doubtful))),
    ];
    let wrong = lines.into_iter().filter(|(count, _)| *count > 0);
    wrong.map(|(_, line)| format!("{line} Ask there why, and for a signed list.")).collect()
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

impl Session {
    /// What an organisation's own log has about this person, and its numbers.
    pub(super) async fn own_log(&self, source: &Organisation) -> anyhow::Result<Value> {
        let (own, network) = (self.root.at(&source.id), self.members.network());
        let request = own.sign_request(network, &source.id, PatientAsk::AccessLog, now_ms()?, Vec::new())?;
        let answer: SealedEnvelope = self.relay.ask(&source.id, &request).await?;
        let plain = open_envelope(&answer, &source.node_key, &own.kem, label::HPKE_ACCESS_LOG, &network)?;
        Ok(serde_json::from_slice(&plain)?)
    }
}

fn merge(entries: &mut Vec<Entry>, organisation: &str, logged: &Value) {
    let text = |name: &str| logged[name].as_str().map(str::to_owned);
    let made_for: Vec<&str> =
        logged["accesses"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let mut on_ledger = false;
    let named = |entry: &&mut Entry| entry.access.as_deref().is_some_and(|access| made_for.contains(&access));
    for known in entries.iter_mut().filter(named) {
        (known.name, known.role, known.reason) = (text("name"), text("role"), text("reason"));
        on_ledger = true;
    }
    if on_ledger {
        return;
    }
    entries.push(Entry {
        time_ms: logged["timeMs"].as_u64().unwrap_or_default(),
        organisation: organisation.to_owned(),
        access: made_for.first().map(|access| (*access).to_owned()),
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
    let time = words(entry.time_ms);
    format!(
        "{time}  {:<13} {who} ({})  {}  {}",
        entry.organisation,
        part(&entry.role),
        part(&entry.action),
        part(&entry.purpose)
    )
}
