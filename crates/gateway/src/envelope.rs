//! What is sealed to this organisation, and what it seals to patients (`docs/protocol`, "Sealed things").

use crate::error::{Code, Error};
use salus_crypto::hpke::{Encapsulated, HpkePrivateKey, HpkePublicKey, SignedEnvelope};
use salus_crypto::sign::SigningKey;
use salus_types::label::hpke_info;
use salus_types::vault::SealedEnvelope;
use salus_types::{NetworkId, namespace};
use zeroize::Zeroizing;

/// Opens an envelope and checks that its named sender signed it; the caller checks who the sender is.
///
/// # Errors
/// [`Code::Invalid`] if it does not open.
pub(crate) fn open(
    envelope: &SealedEnvelope,
    key: &HpkePrivateKey,
    label: &str,
    network: &NetworkId,
) -> Result<Zeroizing<Vec<u8>>, Error> {
    let refuse = || Error::new(Code::Invalid, "what is sealed does not open here");
    let enc: [u8; 1120] = envelope.encapsulation.as_ref().try_into().map_err(|_| refuse())?;
    let signed = SignedEnvelope {
        enc: Encapsulated(enc),
        ct: envelope.ciphertext.to_vec(),
        sender: envelope.sender,
        signature: envelope.signature,
    };
    let info = hpke_info(label, network);
    signed.open(&envelope.sender, namespace::ENVELOPE, key, &info, &info).map_err(|_| refuse())
}

/// Seals to a person or an organisation, signed by `sender`.
///
/// # Errors
/// [`Code::Invalid`] if `to` is no X-Wing key.
pub(crate) fn seal(
    sender: &SigningKey,
    to: &[u8],
    label: &str,
    network: &NetworkId,
    plaintext: &[u8],
) -> Result<SealedEnvelope, Error> {
    let info = hpke_info(label, network);
    let sealed = SignedEnvelope::seal(sender, namespace::ENVELOPE, &kem_key(to)?, &info, &info, plaintext)
        .map_err(|_| Error::new(Code::Invalid, "the key to seal to is no X-Wing key"))?;
    Ok(SealedEnvelope {
        encapsulation: sealed.enc.0.to_vec().try_into().map_err(Error::internal)?,
        ciphertext: sealed.ct.try_into().map_err(Error::internal)?,
        sender: sealed.sender,
        signature: sealed.signature,
    })
}

/// An X-Wing public key from its bytes.
///
/// # Errors
/// [`Code::Invalid`] for a wrong length.
pub(crate) fn kem_key(bytes: &[u8]) -> Result<HpkePublicKey, Error> {
    bytes
        .try_into()
        .map(HpkePublicKey)
        .map_err(|_| Error::new(Code::Invalid, "the X-Wing key has a wrong length"))
}
