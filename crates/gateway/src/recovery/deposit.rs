//! A patient gives a share to this organisation, or takes it back. At rest it is sealed under a key of its own.

use super::{KeptShare, SHARES, note};
use crate::error::{Code, Error};
use crate::log::Who;
use crate::staff;
use crate::state::Gateway;
use salus_crypto::kdf::{self, Label};
use salus_crypto::{Secret32, aead, random};
use salus_types::vault::{RecoveryDeposit, RecoveryShare};
use salus_types::{RecoveryId, label};
use serde_json::{Value, json};

const STORE: Label = Label::new(label::RECOVERY_STORE);
/// The three x coordinates of a sharing.
const INDICES: std::ops::RangeInclusive<u8> = 1..=3;

/// Keeps a share in place of the one before, or forgets that; `{ "kept": recovery }`.
///
/// # Errors
/// [`Code::SignIn`] if the person that it names did not sign it; as [`staff::admit`].
pub(super) async fn take(gateway: &Gateway, letter: RecoveryDeposit) -> Result<Value, Error> {
    if !letter.is_by_patient() {
        return Err(Error::new(Code::SignIn, "the letter is not signed by the person that it names"));
    }
    if letter.share.as_ref().is_some_and(|share| !INDICES.contains(&share.index)) {
        return Err(Error::new(Code::Invalid, "a share has a number from 1 to 3"));
    }
    let patient = staff::admit(gateway, &letter.patient, letter.time_ms, letter.nonce).await?;
    let recovery = letter.share.as_ref().map(|share| share.recovery);
    let kept = letter.share.map(|share| seal(gateway, &patient, &share));
    let at = patient.clone();
    gateway
        .store
        .write(move |tx| match kept {
            Some(kept) => SHARES.put(tx, &at, &kept),
            None => SHARES.take(tx, &at).map(|_| ()),
        })
        .await?;
    let step = if recovery.is_some() { "a recovery share is kept" } else { "the recovery share is deleted" };
    note(gateway, Who::Node, &patient, step).await?;
    Ok(json!({ "kept": recovery }))
}

/// The share of a patient that belongs to a recovery; `None` if another one, or none, is kept now.
pub(super) fn find(
    gateway: &Gateway,
    patient: &str,
    recovery: &RecoveryId,
) -> Result<Option<RecoveryShare>, Error> {
    let kept = gateway.store.read(|tx| SHARES.get(tx, patient))?;
    let kept = kept.filter(|kept| kept.recovery == *recovery);
    kept.map(|kept| open(gateway, patient, &kept)).transpose()
}

fn key(gateway: &Gateway, patient: &str, kept: (&[u8; 32], &RecoveryId)) -> Secret32 {
    let (salt, recovery) = kept;
    kdf::derive(STORE, gateway.ports.storage.expose(), salt, &[patient.as_bytes(), recovery.as_bytes()])
}

fn seal(gateway: &Gateway, patient: &str, share: &RecoveryShare) -> KeptShare {
    let salt = random::bytes();
    let sealed = aead::seal(&key(gateway, patient, (&salt, &share.recovery)), &[share.index], &share.value);
    let sealed = hex::encode(sealed);
    KeptShare { recovery: share.recovery, counter: share.counter, index: share.index, salt, sealed }
}

fn open(gateway: &Gateway, patient: &str, kept: &KeptShare) -> Result<RecoveryShare, Error> {
    let damaged = || Error::internal("a recovery share does not open");
    let sealed = hex::decode(&kept.sealed).map_err(|_| damaged())?;
    let key = key(gateway, patient, (&kept.salt, &kept.recovery));
    let plain = aead::open(&key, &[kept.index], &sealed).map_err(|_| damaged())?;
    let value = plain.as_slice().try_into().map_err(|_| damaged())?;
    Ok(RecoveryShare { recovery: kept.recovery, counter: kept.counter, index: kept.index, value })
}
