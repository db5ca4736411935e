//! A patient replaces their keys here: both keys sign, the new address goes on the ledger, the vault begins new epochs under
//! the new owner, and the old key is nobody's from then on.

use super::{SHARES, note};
use crate::envelope;
use crate::error::{Code, Error};
use crate::links;
use crate::log::Who;
use crate::peer;
use crate::smart::app;
use crate::staff;
use crate::state::Gateway;
use salus_types::Address;
use salus_types::vault::Rekey;
use serde_json::{Value, json};

/// Replaces the keys; `{ "address": .. }`. Repeated after it was done, with a letter of its own, it answers the same.
///
/// # Errors
/// [`Code::SignIn`] if not both keys signed it; as [`staff::admit`]; what ledger and vault refuse.
pub(super) async fn replace(gateway: &Gateway, letter: Rekey) -> Result<Value, Error> {
    if !letter.is_by_both() {
        return Err(Error::new(Code::SignIn, "the letter is not signed by both keys that it names"));
    }
    let (old, new) = (Address::of(&letter.old), Address::of(&letter.new));
    let done = json!({ "address": new });
    if staff::patient_of(gateway, &new)?.is_some() && staff::patient_of(gateway, &old)?.is_none() {
        return Ok(done);
    }
    let kem = envelope::kem_key(&letter.kem_key)?;
    let patient = staff::admit(gateway, &letter.old, letter.time_ms, letter.nonce).await?;
    staff::register(gateway, new).await?;
    let replaced = gateway.ports.keeper.rekey(&patient, Some(letter.old), letter.new, kem).await;
    replaced.map_err(peer::refused)?;
    forget_old(gateway, &patient, new).await?;
    note(gateway, Who::Node, &patient, "the record's key was replaced, at the wish of who had it").await?;
    Ok(done)
}

/// From now on the new key is the patient's, and no other; the share of the old root is of no use any more.
pub(crate) async fn forget_old(gateway: &Gateway, patient: &str, new: Address) -> Result<(), Error> {
    let (patient, of) = (patient.to_owned(), patient.to_owned());
    gateway
        .store
        .write(move |tx| {
            staff::enrol_alone(tx, &patient, &new)?;
            SHARES.take(tx, &patient).map(|_| ())
        })
        .await?;
    // Whoever had the old keys may have let apps read, and may have made links.
    links::end_all(gateway, &of).await?;
    app::end_all(gateway, &of).await
}
