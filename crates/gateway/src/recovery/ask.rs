//! A new device asks for the share: it binds its code to its key, begins the attempt, and gets the share when that is ready.

use super::attempt::{self, Standing};
use super::{CODES, DeskCode, deposit, note};
use crate::clock;
use crate::error::{Code, Error};
use crate::log::Who;
use crate::mail::{self, Mail};
use crate::staff;
use crate::state::Gateway;
use salus_types::Digest;
use salus_types::recovery::recovery_device;
use salus_types::state::RecoveryEntry;
use salus_types::vault::RecoveryAsk;
use serde_json::{Value, json};

/// Answers `{ recovery, number, state, startedMs, readyMs, ledgerMs, share? }`; `share` is
/// `{ counter, index, value }`, and there once `state` is `ready`.
///
/// # Errors
/// [`Code::Gone`] for every code that does not work, for whatever reason; as [`attempt::of_device`].
pub(super) async fn answer(gateway: &Gateway, letter: RecoveryAsk) -> Result<Value, Error> {
    let device = recovery_device(letter.kem_key.as_ref());
    let key = staff::code_key("recovery", letter.code.as_str()).ok_or_else(no_such_code)?;
    let code = claim(gateway, &key, device).await?;
    let share = deposit::find(gateway, &code.patient, &code.recovery)?.ok_or_else(no_such_code)?;
    let (number, entry) = attempt::of_device(gateway, code.recovery, device).await?;
    tell(gateway, &key, &code, &entry).await?;
    let ledger_ms = gateway.chain().head().time_ms;
    let standing = attempt::judge(&entry, &gateway.config.organisation, &device, ledger_ms);
    let state = match standing {
        Standing::Waiting => "waiting",
        Standing::Cancelled => "cancelled",
        Standing::Ready => "ready",
        Standing::Foreign => return Err(no_such_code()),
    };
    let mut answer = json!({
        "recovery": code.recovery, "number": number, "state": state,
        "startedMs": entry.time_ms, "readyMs": entry.ready_ms, "ledgerMs": ledger_ms,
    });
    if standing == Standing::Ready {
        note_release(gateway, &key, &code).await?;
        let value = hex::encode(share.value);
        answer["share"] = json!({ "counter": share.counter, "index": share.index, "value": value });
    }
    Ok(answer)
}

fn no_such_code() -> Error {
    Error::new(Code::Gone, "this code is unknown, too old, or in use on another device; ask at the desk")
}

/// Binds a code to the first device that shows it. Of many at once exactly one is.
async fn claim(gateway: &Gateway, key: &str, device: Digest) -> Result<DeskCode, Error> {
    let (key, now_ms) = (key.to_owned(), clock::now_ms());
    gateway
        .store
        .write(move |tx| {
            let mut code = CODES.get_mut(tx, &key)?.ok_or_else(no_such_code)?;
            let fits = match code.device {
                Some(bound) => bound == device && now_ms < code.expires_ms,
                None => now_ms < code.claim_until_ms,
            };
            if !fits {
                return Err(no_such_code());
            }
            code.device = Some(device);
            CODES.put(tx, &key, &code)?;
            Ok(code)
        })
        .await
}

/// Tells the patient once that somebody recovers: in the access log, and by e-mail where that is sent.
async fn tell(gateway: &Gateway, key: &str, code: &DeskCode, entry: &RecoveryEntry) -> Result<(), Error> {
    if code.told {
        return Ok(());
    }
    note(gateway, Who::Node, &code.patient, "a new device began to recover the record's key").await?;
    let mail = gateway.config.mail.is_some().then(|| words(gateway, &code.patient, entry));
    let (key, row) = (key.to_owned(), DeskCode { told: true, ..code.clone() });
    gateway
        .store
        .write(move |tx| {
            if let Some(mail) = mail {
                mail::queue(tx, &format!("recovery-{key}"), &mail)?;
            }
            CODES.put(tx, &key, &row)
        })
        .await?;
    Ok(())
}

fn words(gateway: &Gateway, patient: &str, entry: &RecoveryEntry) -> Mail {
    let (own, portal) = (mail::name_of(gateway, &gateway.config.organisation), &gateway.config.public_url);
    let (began, ready) = (clock::instant(entry.time_ms), clock::instant(entry.ready_ms));
    Mail {
        patient: patient.to_owned(),
        subject: "Somebody is recovering your health record".into(),
        text: format!(
            "At {own} somebody showed who they are and began to recover the key of your health record on a new \
             device, on {began}.\n\n\
             If that is you, you need not do anything; it takes until {ready}.\n\n\
             If it is not you, open your record before then and cancel it there: {portal}\n\
             If you cannot open it, call {own} or go to the desk at once.\n"
        ),
        time_ms: clock::now_ms(),
    }
}

/// Before a share leaves, the access log says so.
async fn note_release(gateway: &Gateway, key: &str, code: &DeskCode) -> Result<(), Error> {
    if code.released {
        return Ok(());
    }
    note(gateway, Who::Node, &code.patient, "gave the recovery share to the new device").await?;
    let (key, row) = (key.to_owned(), DeskCode { told: true, released: true, ..code.clone() });
    Ok(gateway.store.write(move |tx| CODES.put(tx, &key, &row)).await?)
}
