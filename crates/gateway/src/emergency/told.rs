//! The source's side: makes summaries anew, and writes each use of one into the access log, which the patient reads.

use super::rows::USES;
use super::{EmergencyUse, StaleSummary, summary};
use crate::clock;
use crate::error::Error;
use crate::log::{Access, Kind, Who};
use crate::mail::{self, Mail};
use crate::state::Gateway;
use commonware_codec::Encode as _;
use salus_types::category::Purpose;
use salus_types::state::{EmergencyEntry, ReviewEntry, key};
use salus_types::vault::EmergencyNotice;
use salus_types::{EmergencyId, decode_canonical};
use serde_json::{Value, json};
use std::time::Duration;

/// At a time.
const SUMMARIES: usize = 64;
const USES_AT_ONCE: usize = 64;
/// Changes of a record come in groups.
const QUIET: Duration = Duration::from_secs(3);
/// Pause after something failed.
const PAUSE: Duration = Duration::from_secs(5);

/// Works for as long as it is polled.
pub(super) async fn follow(gateway: &Gateway) {
    loop {
        let done = async {
            note_uses(gateway).await?;
            make_summaries(gateway).await
        };
        match done.await {
            Ok(true) => continue,
            Ok(false) => gateway.ports.emergencies.changed().await,
            Err(error) => {
                tracing::warn!(%error, "emergency summaries wait");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// Makes some summaries anew; whether there may be more.
async fn make_summaries(gateway: &Gateway) -> Result<bool, Error> {
    let stale = gateway.ports.emergencies.stale(SUMMARIES).await.map_err(Error::internal)?;
    if stale.is_empty() {
        return Ok(false);
    }
    tokio::time::sleep(QUIET).await;
    // What changed meanwhile is newer here, too. One that fails does not keep the others waiting.
    let mut failed = None;
    for one in gateway.ports.emergencies.stale(SUMMARIES).await.map_err(Error::internal)? {
        failed = make_summary(gateway, &one).await.err().or(failed);
    }
    failed.map_or(Ok(true), Err)
}

async fn make_summary(gateway: &Gateway, stale: &StaleSummary) -> Result<(), Error> {
    let made = summary::make(gateway, &stale.patient).await?;
    gateway.ports.emergencies.put(stale, made).await.map_err(Error::internal)
}

pub(super) async fn note_uses(gateway: &Gateway) -> Result<(), Error> {
    for one in gateway.ports.emergencies.uses(USES_AT_ONCE).await.map_err(Error::internal)? {
        note(gateway, &one).await?;
        gateway.ports.emergencies.noted(one).await.map_err(Error::internal)?;
    }
    Ok(())
}

fn words(gateway: &Gateway, one: &EmergencyUse) -> Mail {
    let entry = &one.entry;
    let by = mail::name_of(gateway, &entry.organisation);
    let own = mail::name_of(gateway, &gateway.config.organisation);
    let (when, portal) = (clock::instant(entry.time_ms), &gateway.config.public_url);
    Mail {
        patient: one.patient.clone(),
        subject: "Your emergency summary was opened".into(),
        text: format!(
            "Somebody at {by} opened the emergency summary that {own} keeps of you, on {when}.\n\n\
             Sign in to see who it was, why, and until when: {portal}\n\n\
             It has to be reviewed there within three days. You need not do anything.\n"
        ),
        time_ms: entry.time_ms,
    }
}

async fn note(gateway: &Gateway, one: &EmergencyUse) -> Result<(), Error> {
    let event = one.notice.ask.event;
    let (at, notice) = (event.to_string(), hex::encode(one.notice.encode()));
    let mail = gateway.config.mail.is_some().then(|| words(gateway, one));
    gateway
        .store
        .write(move |tx| {
            let first = USES.put_new(tx, &at, &notice)?;
            if !first {
                USES.put(tx, &at, &notice)?;
            }
            match mail.filter(|_| first) {
                Some(mail) => mail::queue(tx, &at, &mail),
                None => Ok(()),
            }
        })
        .await?;
    let account = one.notice.account.as_ref();
    let text = |of: Option<&str>| of.unwrap_or_default().to_owned();
    let who = Who::Elsewhere {
        organisation: one.entry.organisation.clone(),
        name: text(account.map(|account| account.credential.name.as_str())),
        role: text(account.map(|account| account.credential.role.as_str())),
        event: Some(event),
    };
    let reason = text(account.map(|account| account.words.as_str()));
    let access = Access::about(who, Kind::EmergencyOpened, &one.patient, Some(Purpose::Emergency), reason);
    gateway.log.append(access)?.durable().await?;
    tracing::info!(%event, by = %one.entry.organisation, "an emergency summary was opened, and its patient can see it");
    Ok(())
}

/// What a patient sees of an event beside the log's words, and what their device checks it with.
pub(crate) fn shown_to_patient(gateway: &Gateway, event: &EmergencyId) -> Result<Value, Error> {
    let notice = gateway.store.read(|tx| USES.get(tx, &event.to_string()))?;
    let notice: Option<EmergencyNotice> =
        notice.and_then(|notice| decode_canonical(&hex::decode(notice).ok()?).ok());
    let mut shown = json!({ "event": event });
    if let Some(EmergencyNotice { ask, account }) = notice {
        shown["salt"] = json!(hex::encode(ask.salt));
        shown["compartment"] = json!(ask.compartment);
        if let Some(account) = account {
            shown["credential"] = json!(hex::encode(account.credential.encode()));
            shown["words"] = json!({ "text": account.words.as_str(), "salt": hex::encode(account.salt) });
        }
    }
    Ok(shown)
}

/// An event of the ledger and its review.
pub(super) async fn on_ledger(
    gateway: &Gateway,
    event: &EmergencyId,
) -> Result<Option<(EmergencyEntry, Option<ReviewEntry>)>, Error> {
    let chain = gateway.chain();
    let Some(entry) = chain.state(key::emergency(event)).await? else { return Ok(None) };
    let entry = decode_canonical(&entry).map_err(Error::internal)?;
    let review = chain.state(key::review(event)).await?;
    let review = review.map(|review| decode_canonical(&review)).transpose().map_err(Error::internal)?;
    Ok(Some((entry, review)))
}

/// Time by the ledger, and by this machine's clock if that is later.
pub(super) fn now(gateway: &Gateway) -> u64 {
    gateway.chain().head().time_ms.max(clock::now_ms())
}
