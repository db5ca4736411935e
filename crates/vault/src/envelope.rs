//! [`SealedEnvelope`]: an HPKE message whose sender signs it. Its context (info, and what the signature covers) is a
//! label of `salus_types::label` and the network's id, so an envelope of one kind opens as no other.

use salus_crypto::hpke::{Encapsulated, HpkeError, HpkePrivateKey, HpkePublicKey, SignedEnvelope};
use salus_crypto::sign::SigningKey;
use salus_types::label::hpke_info;
use salus_types::vault::SealedEnvelope;
use salus_types::{NetworkId, PublicKey, namespace};
use zeroize::Zeroizing;

/// Why an envelope cannot be made or opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    /// Sealing or opening fails.
    #[error(transparent)]
    Hpke(#[from] HpkeError),
    /// A key or an encapsulation of a wrong length, or a message that is too long.
    #[error("a part of the envelope has a wrong length")]
    Length,
}

/// Seals `plaintext` to `to` and signs as `sender`; `label` is one of `salus_types::label::HPKE_*`.
///
/// # Errors
/// [`EnvelopeError`] if `to` is no X-Wing key or the message is too long.
pub fn seal_envelope(
    sender: &SigningKey,
    to: &[u8],
    label: &str,
    network: &NetworkId,
    plaintext: &[u8],
) -> Result<SealedEnvelope, EnvelopeError> {
    let info = hpke_info(label, network);
    let sealed =
        SignedEnvelope::seal(sender, namespace::ENVELOPE, &public_key(to)?, &info, &info, plaintext)?;
    Ok(SealedEnvelope {
        encapsulation: sealed.enc.0.to_vec().try_into().map_err(|_| EnvelopeError::Length)?,
        ciphertext: sealed.ct.try_into().map_err(|_| EnvelopeError::Length)?,
        sender: sealed.sender,
        signature: sealed.signature,
    })
}

/// Checks that `envelope` is signed by `from`, and opens it.
///
/// # Errors
/// [`EnvelopeError`], naming the first check that fails.
pub fn open_envelope(
    envelope: &SealedEnvelope,
    from: &PublicKey,
    key: &HpkePrivateKey,
    label: &str,
    network: &NetworkId,
) -> Result<Zeroizing<Vec<u8>>, EnvelopeError> {
    let info = hpke_info(label, network);
    let signed = SignedEnvelope {
        enc: encapsulated(&envelope.encapsulation)?,
        ct: envelope.ciphertext.to_vec(),
        sender: envelope.sender,
        signature: envelope.signature,
    };
    Ok(signed.open(from, namespace::ENVELOPE, key, &info, &info)?)
}

/// An X-Wing public key from its bytes.
pub(crate) fn public_key(bytes: &[u8]) -> Result<HpkePublicKey, EnvelopeError> {
    bytes.try_into().map(HpkePublicKey).map_err(|_| EnvelopeError::Length)
}

/// An encapsulation from its bytes.
pub(crate) fn encapsulated(bytes: &[u8]) -> Result<Encapsulated, EnvelopeError> {
    bytes.try_into().map(Encapsulated).map_err(|_| EnvelopeError::Length)
}
