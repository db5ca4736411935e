//! A patient's letters about apps. What an app gets is what the patient's device signed: the app, where it is sent, its
//! challenge, the scopes, the categories, the end.

use super::authorisation::{self, Authorisation, By, Ended};
use super::authorize;
use crate::clock;
use crate::error::{Code, Error, Result};
use crate::state::Gateway;
use salus_crypto::random;
use salus_types::category::Category;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Longest authorisation of an app that asked for `offline_access`.
const OFFLINE_MS: u64 = 366 * 24 * 3_600 * 1_000;
/// Longest of any other: a day's sitting.
const ONLINE_MS: u64 = 8 * 3_600 * 1_000;
/// After this an app that did not take its code up cannot any more.
const TAKEN_UP_MS: u64 = 60 * 1_000;

/// What a letter asks.
#[derive(Deserialize)]
#[serde(tag = "ask", rename_all = "kebab-case", rename_all_fields = "camelCase", deny_unknown_fields)]
pub(crate) enum Ask {
    /// All apps, and nothing else. Braces, because serde takes any field of a variant without them.
    Apps {},
    /// To let an app read.
    AllowApp {
        /// The request that is answered.
        request: String,
        /// The client.
        client: String,
        /// Where the code goes.
        redirect: String,
        /// The app's challenge.
        challenge: String,
        /// The scopes, as the request has them.
        scope: String,
        /// What is shown to the app.
        categories: BTreeSet<Category>,
        /// Until when, in milliseconds since 1970-01-01 UTC.
        until_ms: u64,
    },
    /// To stop an app.
    StopApp {
        /// The authorisation.
        app: String,
    },
}

/// A letter about apps that was opened: what it asks, and what shows that the patient did.
pub(crate) struct Signed {
    pub(crate) ask: Ask,
    /// The whole letter, hex.
    pub(crate) letter: String,
}

/// Carries a patient's letter out: `{ "apps": [..], "redirect"? }`.
///
/// # Errors
/// [`Code::Gone`] for a request that is over, [`Code::Invalid`] for one that asks something else than what was signed.
pub(crate) async fn answer(gateway: &Gateway, patient: &str, letter: Signed) -> Result<Value> {
    let Signed { ask, letter } = letter;
    let mut redirect = None;
    match ask {
        Ask::Apps {} => {}
        Ask::AllowApp { request, client, redirect: to, challenge, scope, categories, until_ms } => {
            let found = authorize::waiting(gateway, &request)?;
            let same = found.client == client
                && found.redirect == to
                && found.challenge == challenge
                && found.scope.to_string() == scope
                && found.launch.is_none();
            if !same {
                return Err(Error::new(Code::Invalid, "this is not what the app asked for"));
            }
            let now = clock::now_ms();
            let longest_ms = if found.scope.has("offline_access") { OFFLINE_MS } else { ONLINE_MS };
            let until_ms = until_ms.min(now + longest_ms);
            if until_ms <= now {
                return Err(Error::new(Code::Invalid, "the end that was chosen is over"));
            }
            let known = gateway.smart.clients.find(&client)?;
            let known =
                known.ok_or_else(|| Error::new(Code::Gone, "this app may not be used here any more"))?;
            let categories = categories.into_iter().collect();
            let new = Authorisation {
                id: hex::encode(random::bytes::<16>()),
                client,
                name: known.name,
                patient: patient.to_owned(),
                scope: found.scope,
                made_ms: now,
                until_ms,
                used_ms: None,
                generation: 0,
                ended: None,
                by: By::Patient { categories, letter },
            };
            redirect = Some(allow(gateway, &request, new).await?);
        }
        Ask::StopApp { app } => stop(gateway, patient, app).await?,
    }
    let apps = authorisation::of_patient(gateway, patient)?;
    let apps: Vec<Value> = apps.iter().map(|one| shown(gateway, one)).collect::<Result<_>>()?;
    Ok(json!({ "apps": apps, "redirect": redirect }))
}

/// The log has it on disk before the app gets anything; a newer choice takes the place of an older one.
async fn allow(gateway: &Gateway, request: &str, new: Authorisation) -> Result<String> {
    let By::Patient { categories, .. } = &new.by else { return Err(Error::internal("no patient")) };
    let names: Vec<&str> = categories.iter().map(|category| category.as_str()).collect();
    let words = format!("allowed until {}: {}", clock::instant(new.until_ms), names.join(", "));
    authorisation::note(gateway, &new, words).await?;
    let (patient, client, now_ms) = (new.patient.clone(), new.client.clone(), new.made_ms);
    let replaced = gateway
        .store
        .write(move |tx| authorisation::end_of(tx, &patient, Some(&client), Ended::Replaced, now_ms))
        .await?;
    for one in &replaced {
        authorisation::note_end(gateway, one).await?;
    }
    authorize::grant(gateway, request, new).await
}

async fn stop(gateway: &Gateway, patient: &str, id: String) -> Result<()> {
    let (patient, now_ms) = (patient.to_owned(), clock::now_ms());
    let ended = gateway
        .store
        .write(move |tx| {
            let found = authorisation::ROWS.get_mut(tx, &id)?;
            let own = found.is_some_and(|one| one.patient == patient && matches!(one.by, By::Patient { .. }));
            if !own {
                return Err(Error::new(Code::NotFound, "there is no such app"));
            }
            Ok(authorisation::end(tx, &id, Ended::Stopped, now_ms)?)
        })
        .await?;
    match ended {
        Some(ended) => authorisation::note_end(gateway, &ended).await,
        None => Ok(()),
    }
}

fn shown(gateway: &Gateway, one: &Authorisation) -> Result<Value> {
    let By::Patient { categories, .. } = &one.by else { return Ok(Value::Null) };
    let (known, now_ms) = (gateway.smart.clients.find(&one.client)?.is_some(), clock::now_ms());
    let state = match one.ended {
        Some(_) => "ended",
        None if !known => "ended",
        None if one.generation == 0 && one.made_ms + TAKEN_UP_MS < now_ms => "unused",
        None if one.holds(now_ms) => "allowed",
        None => "over",
    };
    Ok(json!({
        "id": one.id,
        "client": one.client,
        "name": one.name,
        "categories": categories,
        "madeMs": one.made_ms,
        "untilMs": one.until_ms,
        "usedMs": one.used_ms,
        "state": state,
        "ended": one.ended.map(|(why, at_ms)| json!({ "why": why, "timeMs": at_ms })),
    }))
}
