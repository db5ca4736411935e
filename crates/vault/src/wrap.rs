//! Short secrets under link keys: compartment keys for patients, shares for custodians. Every key seals one thing,
//! because the thing's own name is part of its derivation.

use crate::envelope::{EnvelopeError, encapsulated, public_key};
use salus_crypto::aead::{self, OpenError};
use salus_crypto::hpke::{HpkePrivateKey, HpkePublicKey, link_receive, link_send};
use salus_crypto::kdf::{self, Label};
use salus_crypto::shamir::Share;
use salus_crypto::{Secret32, SigningKey};
use salus_types::codec::unsigned;
use salus_types::label::{self, hpke_info};
use salus_types::organisation::Organisation;
use salus_types::vault::{OrganisationLink, PatientLink, WRAPPED_KEY_LENGTH, WrapContent};
use salus_types::{
    Address, Bounded, CompartmentId, NetworkId, OrganisationId, PublicKey, VersionId, namespace,
};
use zeroize::Zeroize as _;

const WRAP: Label = Label::new(label::WRAP);
const SHARE: Label = Label::new(label::SHARE);

/// Wraps a compartment's key and category under a patient link key.
pub(crate) fn wrap_key(
    link_key: &Secret32,
    compartment: &CompartmentId,
    content: &WrapContent,
) -> Bounded<u8, WRAPPED_KEY_LENGTH> {
    let key = kdf::derive(WRAP, link_key.expose(), &[], &[compartment.as_bytes()]);
    let sealed = aead::seal(&key, compartment.as_bytes(), content.to_bytes().as_ref());
    Bounded::new(sealed).unwrap_or_default()
}

/// Opens what [`wrap_key`] made.
pub(crate) fn unwrap_key(
    link_key: &Secret32,
    compartment: &CompartmentId,
    wrapped: &[u8],
) -> Result<WrapContent, OpenError> {
    let key = kdf::derive(WRAP, link_key.expose(), &[], &[compartment.as_bytes()]);
    let plain = aead::open(&key, compartment.as_bytes(), wrapped)?;
    WrapContent::from_bytes(&plain).ok_or(OpenError::Length)
}

/// Seals a share under an organisation link key.
pub(crate) fn seal_share(link_key: &Secret32, version: &VersionId, share: &Share) -> [u8; 48] {
    let key = kdf::derive(SHARE, link_key.expose(), &[], &[version.as_bytes()]);
    let mut sealed = [0; 48];
    sealed.copy_from_slice(&aead::seal(&key, version.as_bytes(), &share.value));
    sealed
}

/// Opens what [`seal_share`] made.
pub(crate) fn open_share(
    link_key: &Secret32,
    version: &VersionId,
    index: u8,
    sealed: &[u8; 48],
) -> Result<Share, OpenError> {
    let key = kdf::derive(SHARE, link_key.expose(), &[], &[version.as_bytes()]);
    let plain = aead::open(&key, version.as_bytes(), sealed)?;
    let mut value: [u8; 32] = plain.as_slice().try_into().map_err(|_| OpenError::Length)?;
    let share = Share { index, value };
    value.zeroize();
    Ok(share)
}

/// Makes a link from this organisation to another for a day.
pub(crate) fn organisation_link(
    network: NetworkId,
    from: OrganisationId,
    to: &Organisation,
    day: u32,
) -> Result<(OrganisationLink, Secret32), EnvelopeError> {
    let info = hpke_info(label::HPKE_ORGANISATION_LINK, &network);
    let (enc, key) = link_send(&public_key(&to.kem_key)?, &info)?;
    let encapsulation = enc.0.to_vec().try_into().map_err(|_| EnvelopeError::Length)?;
    Ok((OrganisationLink { network, from, to: to.id.clone(), day, encapsulation }, key))
}

/// The key of a link that another organisation made.
pub(crate) fn receive_organisation_link(
    kem: &HpkePrivateKey,
    link: &OrganisationLink,
) -> Result<Secret32, EnvelopeError> {
    let info = hpke_info(label::HPKE_ORGANISATION_LINK, &link.network);
    Ok(link_receive(kem, &encapsulated(&link.encapsulation)?, &info)?)
}

/// What a patient link says, before the source signs it.
pub(crate) struct LinkTerms {
    pub(crate) network: NetworkId,
    pub(crate) source: OrganisationId,
    pub(crate) owner: Address,
    pub(crate) number: u32,
}

/// Makes and signs a link from a source to a patient.
pub(crate) fn patient_link(
    terms: LinkTerms,
    signer: &SigningKey,
    kem: &HpkePublicKey,
) -> Result<(PatientLink, Secret32), EnvelopeError> {
    let LinkTerms { network, source, owner, number } = terms;
    let (enc, key) = link_send(kem, &hpke_info(label::HPKE_PATIENT_LINK, &network))?;
    let encapsulation = enc.0.to_vec().try_into().map_err(|_| EnvelopeError::Length)?;
    let signature = salus_types::Signature([0; 64]);
    let mut link = PatientLink { network, source, owner, number, encapsulation, signature };
    sign_link(&mut link, signer);
    Ok((link, key))
}

/// Signs a link, in the place of who signed it before.
pub(crate) fn sign_link(link: &mut PatientLink, signer: &SigningKey) {
    link.signature = signer.sign(namespace::LINK, &unsigned(link));
}

/// Whether two links differ in who signed them at most.
pub(crate) fn is_same_link(one: &PatientLink, other: &PatientLink) -> bool {
    unsigned(one) == unsigned(other)
}

/// The key of a patient link, on the patient's device.
pub(crate) fn receive_patient_link(
    kem: &HpkePrivateKey,
    link: &PatientLink,
) -> Result<Secret32, EnvelopeError> {
    let info = hpke_info(label::HPKE_PATIENT_LINK, &link.network);
    Ok(link_receive(kem, &encapsulated(&link.encapsulation)?, &info)?)
}

/// Whether `signer` signed the link.
pub(crate) fn link_is_signed(link: &PatientLink, signer: &PublicKey) -> bool {
    signer.verify(namespace::LINK, &unsigned(link), &link.signature).is_ok()
}
