//! Enrolment: a person's device redeems an invite.
//!
//! Opened with the organisation's X-Wing key -> signed by the pairwise key it names -> the invite is claimed for
//! that key in one transaction -> the address goes on the ledger -> the vault wraps the compartments -> the answer is
//! sealed to the person. Should the answer be lost, the same key gets it again.

use super::{invites, patients, rows};
use crate::envelope;
use crate::error::{Code, Error};
use crate::peer;
use crate::proxies;
use crate::recovery;
use crate::state::Gateway;
use crate::store::{StoreError, WriteTransaction};
use crate::vault::VaultError;
use commonware_codec::{Encode as _, FixedSize as _};
use salus_types::action::RegisterPatient;
use salus_types::state::key;
use salus_types::vault::{EnrolmentAnswer, EnrolmentRequest, SealedEnvelope};
use salus_types::{Address, Signature, Text, decode_canonical, label, namespace};
use std::time::Duration;

/// Longest wait for the ledger.
const FINAL_WITHIN: Duration = Duration::from_secs(60);

/// Redeems the invite in a sealed [`EnrolmentRequest`]; returns a sealed [`EnrolmentAnswer`].
///
/// # Errors
/// [`Code::Invalid`] for what is malformed or wrongly signed, [`Code::Gone`] for an invite that does not work, and
/// what the vault refuses.
pub(crate) async fn redeem(gateway: &Gateway, sealed: SealedEnvelope) -> Result<SealedEnvelope, Error> {
    let request = open(gateway, &sealed, label::HPKE_ENROLMENT_REQUEST)?;
    let kem = envelope::kem_key(&request.kem_key)?;
    let invited = invites::claim(gateway, request.invite.as_str(), &request.patient).await?;
    let patient = invited.patient;
    register(gateway, Address::of(&request.patient)).await?;
    let keeper = &gateway.ports.keeper;
    let taken = if invited.replaces && has_key(gateway, &patient)? {
        // A child that takes over: nobody acts for it by this organisation's word any more.
        proxies::end_all(gateway, &patient).await?;
        keeper.rekey(&patient, None, request.patient, kem).await
    } else {
        keeper.enrol(&patient, request.patient, kem).await
    };
    let directory = match taken {
        Ok(directory) => directory,
        Err(error) => {
            if matches!(error, VaultError::Refused(_)) {
                invites::release(gateway, request.invite.as_str(), &request.patient).await?;
            }
            return Err(peer::refused(error));
        }
    };
    if invited.replaces {
        recovery::forget_old(gateway, &patient, Address::of(&request.patient)).await?;
    } else {
        remember(gateway, Address::of(&request.patient), &patient).await?;
    }
    let name =
        patients::find(gateway, "enrolment", &patient).await?.map_or_else(String::new, |card| card.name);
    let answer = EnrolmentAnswer {
        patient: Text::new(patient).map_err(Error::internal)?,
        name: Text::new(shortened(name)).map_err(Error::internal)?,
        directory,
    };
    let to = request.kem_key.as_ref();
    envelope::seal(&gateway.key, to, label::HPKE_ENROLMENT_ANSWER, &gateway.network, &answer.encode())
}

/// Opens an [`EnrolmentRequest`] that was sealed for what `label` says.
///
/// # Errors
/// [`Code::Invalid`] for what is malformed, for another organisation, or wrongly signed.
pub(crate) fn open(
    gateway: &Gateway,
    sealed: &SealedEnvelope,
    label: &str,
) -> Result<EnrolmentRequest, Error> {
    let plain = envelope::open(sealed, &gateway.ports.kem, label, &gateway.network)?;
    let refuse = |words: &'static str| Error::new(Code::Invalid, words);
    let request: EnrolmentRequest =
        decode_canonical(&plain).map_err(|_| refuse("what is sealed is no enrolment"))?;
    if request.network != gateway.network || request.organisation != gateway.config.organisation {
        return Err(refuse("the enrolment is for another organisation"));
    }
    if sealed.sender != request.patient {
        return Err(refuse("the enrolment is sealed by another key than the one that enrols"));
    }
    let signed = &plain[..plain.len() - Signature::SIZE];
    let valid = request.patient.verify(namespace::ENROLMENT, signed, &request.signature);
    valid.map_err(|_| refuse("the enrolment's signature does not verify"))?;
    Ok(request)
}

/// Puts the address on the ledger, unless it is there.
///
/// # Errors
/// The ledger's refusal.
pub(crate) async fn register(gateway: &Gateway, address: Address) -> Result<(), Error> {
    if gateway.chain().state(key::patient(&address)).await?.is_none() {
        gateway.submit(RegisterPatient { address }, FINAL_WITHIN).await?;
    }
    Ok(())
}

/// Whether somebody is enrolled as a patient.
fn has_key(gateway: &Gateway, patient: &str) -> Result<bool, Error> {
    let enrolled = gateway.store.read(|tx| rows::ENROLLED.scan(tx, "", usize::MAX))?;
    Ok(enrolled.iter().any(|(_, other)| other == patient))
}

/// The FHIR id of the person with an address here.
///
/// # Errors
/// A fault of the store.
pub(crate) fn patient_of(gateway: &Gateway, address: &Address) -> Result<Option<String>, Error> {
    Ok(gateway.store.read(|tx| rows::ENROLLED.get(tx, &address.to_string()))?)
}

/// Makes an address the only one of a patient.
///
/// # Errors
/// A fault of the store.
pub(crate) fn enrol_alone(tx: &WriteTransaction, patient: &str, address: &Address) -> Result<(), StoreError> {
    rows::ENROLLED.prune(tx, |other| other != patient)?;
    rows::ENROLLED.put(tx, &address.to_string(), &patient.to_owned())
}

/// Every address of a patient, in hexadecimal digits.
///
/// # Errors
/// A fault of the store.
pub(crate) fn keys_of(gateway: &Gateway, patient: &str) -> Result<Vec<String>, Error> {
    let enrolled = gateway.store.read(|tx| rows::ENROLLED.scan(tx, "", usize::MAX))?;
    Ok(enrolled.into_iter().filter(|(_, other)| other == patient).map(|(address, _)| address).collect())
}

/// Makes an address nobody's.
///
/// # Errors
/// A fault of the store.
pub(crate) fn forget_address(tx: &WriteTransaction, address: &str) -> Result<(), StoreError> {
    rows::ENROLLED.take(tx, address).map(|_| ())
}

/// Makes an address a patient's again.
///
/// # Errors
/// A fault of the store.
pub(crate) fn enrol_again(tx: &WriteTransaction, address: &str, patient: &str) -> Result<(), StoreError> {
    rows::ENROLLED.put(tx, address, &patient.to_owned())
}

/// Whose address it is, for requests that this person signs later.
///
/// # Errors
/// A fault of the store.
pub(crate) async fn remember(gateway: &Gateway, address: Address, patient: &str) -> Result<(), Error> {
    let (address, patient) = (address.to_string(), patient.to_owned());
    gateway.store.write(move |tx| rows::ENROLLED.put(tx, &address, &patient)).await?;
    Ok(())
}

/// Enrols somebody without an invite.
#[cfg(test)]
pub(crate) async fn testing_enrolled(gateway: &Gateway, address: &Address, patient: &str) {
    let (address, patient) = (address.to_string(), patient.to_owned());
    let kept = gateway.store.write(move |tx| rows::ENROLLED.put(tx, &address, &patient)).await;
    kept.expect("written");
}

/// At most 256 bytes, cut between characters.
fn shortened(mut name: String) -> String {
    while name.len() > 256 {
        name.pop();
    }
    name
}
