//! The index of a holder: the tokens of its patients, made with the helper's key.
//!
//! All patients are looked at when the node starts, every few hours, and when another organisation helps from then on; and
//! one by one as they change. Who has the tokens already is not made anew. A patient who is not in use is taken out.

use super::rows::{self, Indexed, MadeWith};
use super::{Findable, helper, normal, setting};
use crate::engine::EngineError;
use crate::error::{Code, Error};
use crate::staff::patients;
use crate::state::Gateway;
use axum::http::Method;
use salus_types::Digest;
use salus_types::vault::{LOCATION_ELEMENTS_MAX, LOCATION_TOKENS};
use serde_json::Value;
use std::collections::HashSet;
use std::time::Duration;
use tokio::sync::broadcast::error::RecvError;

/// Who asks the engine.
const ASKER: &str = "location";
/// Patients on one page.
const PAGE_PATIENTS: usize = 200;
/// Tokens of one patient.
const TOKENS_MAX: usize = LOCATION_TOKENS;
/// How often all patients are looked at.
const SWEEP_INTERVAL: Duration = Duration::from_secs(6 * 3_600);
/// How often is looked who helps.
const HELPER_INTERVAL: Duration = Duration::from_secs(60);
/// Pause after a failure.
const PAUSE: Duration = Duration::from_secs(30);

/// A patient whose tokens are to be made.
struct Due {
    patient: String,
    inputs: Vec<normal::Input>,
    made_of: Digest,
}

/// Keeps the index, until the gateway stops.
pub(crate) async fn run(gateway: Gateway) {
    if !gateway.engine.is_configured() {
        return;
    }
    tokio::select! {
        () = gateway.stopped() => (),
        () = follow(&gateway) => (),
    }
}

async fn follow(gateway: &Gateway) {
    let mut news = gateway.subscriptions.news();
    loop {
        if let Err(error) = sweep(gateway).await {
            tracing::debug!(%error, "the index of patients is not complete yet");
            tokio::time::sleep(PAUSE).await;
            continue;
        }
        let again = tokio::time::Instant::now() + SWEEP_INTERVAL;
        while tokio::time::Instant::now() < again {
            let changed = tokio::select! {
                changed = news.recv() => changed,
                () = tokio::time::sleep(HELPER_INTERVAL) => match is_current(gateway) {
                    Ok(true) => continue,
                    Ok(false) | Err(_) => break,
                },
            };
            let renewed = match changed {
                Ok(patients) => renew(gateway, patients.iter()).await,
                Err(RecvError::Lagged(_)) => break,
                Err(RecvError::Closed) => return,
            };
            if let Err(error) = renewed {
                tracing::debug!(%error, "patients who changed are not in the index yet");
                tokio::time::sleep(PAUSE).await;
                break;
            }
        }
    }
}

/// Whether the index is made with the key of who helps now.
fn is_current(gateway: &Gateway) -> Result<bool, Error> {
    let made = gateway.store.read(|tx| rows::MADE_WITH.get(tx, rows::NOW))?;
    let helper = helper::helper_of(gateway, &gateway.config.organisation);
    Ok(made.map(|made| made.helper) == helper)
}

/// Looks at all patients.
///
/// # Errors
/// A fault of the engine, the store or the helper; what was done stays.
pub(super) async fn sweep(gateway: &Gateway) -> Result<(), Error> {
    if setting(gateway) == Findable::Never || !is_current(gateway)? {
        gateway.store.write(rows::clear).await?;
    }
    if setting(gateway) == Findable::Never {
        return Ok(());
    }
    let mut seen = HashSet::new();
    let mut form = format!("_sort=_lastUpdated&_total=none&_count={PAGE_PATIENTS}");
    loop {
        let page = patients::fetch(gateway, ASKER, Method::POST, "/fhir/Patient/_search", form).await?;
        let page = page.ok_or(EngineError::Malformed)?;
        let found = page["entry"].as_array().map(Vec::as_slice).unwrap_or_default();
        make(gateway, found.iter().map(|entry| &entry["resource"])).await?;
        seen.extend(found.iter().filter_map(|entry| entry["resource"]["id"].as_str()).map(str::to_owned));
        match next_of(&page) {
            Some(next) => form = next,
            None => return drop_all_but(gateway, seen).await,
        }
    }
}

/// Takes everybody out who is no patient any more: they may have gone while nobody listened.
async fn drop_all_but(gateway: &Gateway, patients: HashSet<String>) -> Result<(), Error> {
    let indexed = gateway.store.read(|tx| rows::INDEXED.scan(tx, "", usize::MAX))?;
    let gone: Vec<_> = indexed.into_iter().map(|(id, _)| id).filter(|id| !patients.contains(id)).collect();
    if gone.is_empty() {
        return Ok(());
    }
    Ok(gateway.store.write(move |tx| gone.iter().try_for_each(|id| rows::drop(tx, id))).await?)
}

/// What asks for the page after this one.
fn next_of(page: &Value) -> Option<String> {
    let links = page["link"].as_array()?;
    let next = links.iter().find(|link| link["relation"] == "next")?["url"].as_str()?;
    Some(next.split_once('?')?.1.to_owned())
}

/// Looks at patients who may have changed.
async fn renew(gateway: &Gateway, changed: impl Iterator<Item = &String>) -> Result<(), Error> {
    if setting(gateway) == Findable::Never {
        return Ok(());
    }
    let mut found = Vec::new();
    for id in changed {
        let at = format!("/fhir/Patient/{id}");
        match patients::fetch(gateway, ASKER, Method::GET, &at, String::new()).await? {
            Some(patient) => found.push(patient),
            None => {
                let id = id.clone();
                gateway.store.write(move |tx| rows::drop(tx, &id)).await?;
            }
        }
    }
    make(gateway, found.iter()).await
}

/// Puts patients into the index whose tokens are not there.
async fn make(gateway: &Gateway, found: impl Iterator<Item = &Value>) -> Result<(), Error> {
    let (mut due, mut asked) = (Vec::new(), 0);
    for patient in found {
        let Some(one) = due_of(gateway, patient)? else { continue };
        if asked + one.inputs.len() > LOCATION_ELEMENTS_MAX {
            put(gateway, std::mem::take(&mut due)).await?;
            asked = 0;
        }
        asked += one.inputs.len();
        due.push(one);
    }
    put(gateway, due).await
}

/// What is to be made of a patient, if it is not there.
fn due_of(gateway: &Gateway, patient: &Value) -> Result<Option<Due>, Error> {
    let Some(id) = patient["id"].as_str() else { return Ok(None) };
    let inputs = normal::inputs(patient, TOKENS_MAX);
    let bytes: Vec<_> = inputs.iter().flat_map(|one| one.digest.0).collect();
    let made_of = rows::name(gateway, "made-of", &bytes);
    let known = gateway.store.read(|tx| rows::INDEXED.get(tx, id))?;
    let same = known.map_or(inputs.is_empty(), |known| known.made_of == made_of);
    Ok((!same).then(|| Due { patient: id.to_owned(), inputs, made_of }))
}

async fn put(gateway: &Gateway, due: Vec<Due>) -> Result<(), Error> {
    if due.is_empty() {
        return Ok(());
    }
    let inputs: Vec<_> = due.iter().flat_map(|one| one.inputs.iter().map(|input| input.digest)).collect();
    if inputs.is_empty() {
        let gone = due.into_iter().map(|one| one.patient).collect::<Vec<_>>();
        return Ok(gateway.store.write(move |tx| gone.iter().try_for_each(|id| rows::drop(tx, id))).await?);
    }
    let made = helper::make(gateway, &gateway.config.organisation, inputs).await?;
    let with = MadeWith { helper: made.helper, key: Digest(made.key) };
    let mut names = made.tokens.iter().map(|token| rows::name(gateway, "token", &token.0));
    let mut indexed = Vec::new();
    for one in due {
        let tokens: Vec<_> = names.by_ref().take(one.inputs.len()).collect();
        let identified =
            one.inputs.iter().filter(|input| input.identifies).map(|input| input.group).collect();
        let groups: Vec<_> = one.inputs.iter().map(|input| input.group).collect();
        indexed.push((one.patient, Indexed { made_of: one.made_of, tokens, identified }, groups));
    }
    gateway
        .store
        .write(move |tx| {
            match rows::MADE_WITH.get_mut(tx, rows::NOW)? {
                None => rows::MADE_WITH.put(tx, rows::NOW, &with)?,
                Some(before) if before == with => (),
                // Another helps since the sweep began, or has another key: it begins anew.
                Some(_) => {
                    rows::clear(tx)?;
                    return Ok(false);
                }
            }
            for (patient, tokens, groups) in &indexed {
                match groups.is_empty() {
                    true => rows::drop(tx, patient)?,
                    false => rows::put(tx, patient, tokens, groups)?,
                }
            }
            Ok::<_, crate::store::StoreError>(true)
        })
        .await?
        .then_some(())
        .ok_or_else(|| Error::new(Code::Away, "another organisation helps with the index from now on"))
}
