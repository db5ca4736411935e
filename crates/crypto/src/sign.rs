//! Ed25519 signatures (RFC 8032) under ZIP-215 verification rules, so that all verifiers, single or in batches,
//! accept exactly the same signatures.
//!
//! What is signed is `varint(len(namespace)) || namespace || message`, with the length as unsigned LEB128, as
//! commonware's `union_unique` does; a namespace belongs to one kind of message.

use crate::bytes_type::fixed_bytes;
use ed25519_zebra as zebra;
use secrecy::{ExposeSecret as _, SecretBox};
use std::ops::Range;
use subtle::ConstantTimeEq as _;
use thiserror::Error;
use zeroize::Zeroizing;

/// An Ed25519 public key, 32 bytes. Any 32 bytes can be held; bytes that are no curve point verify nothing.
#[derive(Copy, Clone, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct PublicKey(pub [u8; 32]);

fixed_bytes!(PublicKey, 32);

/// An Ed25519 signature, 64 bytes (`R || s`).
#[derive(Copy, Clone, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Signature(pub [u8; 64]);

fixed_bytes!(Signature, 64);

/// The signature is not one by this key over this namespace and message.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Error)]
#[error("signature does not verify")]
pub struct BadSignature;

/// An Ed25519 private key. It is zeroised when dropped, compares in constant time, and has no `Debug`.
pub struct SigningKey(SecretBox<zebra::SigningKey>);

impl SigningKey {
    /// The key of an RFC 8032 seed (32 secret bytes).
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(SecretBox::new(Box::new(zebra::SigningKey::from(*seed))))
    }

    /// A new random key.
    pub fn generate() -> Self {
        let mut seed = Zeroizing::new([0; 32]);
        crate::random::fill(seed.as_mut());
        Self::from_seed(&seed)
    }

    /// The seed, for storing the key under encryption.
    pub fn expose_seed(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new((*self.0.expose_secret()).into())
    }

    /// The public key.
    pub fn public(&self) -> PublicKey {
        PublicKey(zebra::VerificationKeyBytes::from(self.0.expose_secret()).into())
    }

    /// Signs `message` in `namespace`. Deterministic.
    pub fn sign(&self, namespace: &str, message: &[u8]) -> Signature {
        Signature(self.0.expose_secret().sign(&signed_bytes(namespace, message)).to_bytes())
    }
}

impl PartialEq for SigningKey {
    fn eq(&self, other: &Self) -> bool {
        self.0.expose_secret().ct_eq(other.0.expose_secret()).into()
    }
}

impl Eq for SigningKey {}

impl PublicKey {
    /// Checks a signature by this key.
    ///
    /// # Errors
    ///
    /// [`BadSignature`] if it does not verify under ZIP-215, or this key is no curve point.
    pub fn verify(&self, namespace: &str, message: &[u8], signature: &Signature) -> Result<(), BadSignature> {
        item(namespace, message, self, signature).verify_single().map_err(|_| BadSignature)
    }
}

/// One signature to check in [`verify_batch`].
pub type BatchItem<'a> = (&'a str, &'a [u8], PublicKey, Signature);

/// Below this size, single verification costs no more than a batch.
const BATCH_MIN: usize = 4;

/// Checks many signatures at about half the cost of one by one; the answer for each item is exactly that of
/// [`PublicKey::verify`]. A batch that fails is halved until the bad items are found: each costs about
/// 2 * log2(n) partial batches, and a batch full of bad ones about three times single verification.
pub fn verify_batch(items: &[BatchItem<'_>]) -> Vec<bool> {
    let queued: Vec<_> = items
        .iter()
        .map(|(namespace, message, key, signature)| item(namespace, message, key, signature))
        .collect();
    let mut valid = vec![true; items.len()];
    let mut pending: Vec<_> = std::iter::once(0..queued.len()).collect();
    while let Some(range) = pending.pop() {
        if range.len() < BATCH_MIN {
            for at in range {
                valid[at] = queued[at].clone().verify_single().is_ok();
            }
        } else if !batch_is_valid(&queued[range.clone()]) {
            pending.extend(halves(range));
        }
    }
    valid
}

fn halves(range: Range<usize>) -> [Range<usize>; 2] {
    let middle = range.start + range.len() / 2;
    [range.start..middle, middle..range.end]
}

fn batch_is_valid(items: &[zebra::batch::Item]) -> bool {
    let mut batch = zebra::batch::Verifier::new();
    for item in items {
        batch.queue(item.clone());
    }
    batch.verify(rand::rng()).is_ok()
}

fn item(namespace: &str, message: &[u8], key: &PublicKey, signature: &Signature) -> zebra::batch::Item {
    let signed = signed_bytes(namespace, message);
    (zebra::VerificationKeyBytes::from(key.0), zebra::Signature::from_bytes(&signature.0), &signed).into()
}

/// `varint(len(namespace)) || namespace || message`.
pub(crate) fn signed_bytes(namespace: &str, message: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(5 + namespace.len() + message.len());
    let mut len = namespace.len();
    while len >= 0x80 {
        bytes.push(len as u8 | 0x80);
        len >>= 7;
    }
    bytes.push(len as u8);
    bytes.extend_from_slice(namespace.as_bytes());
    bytes.extend_from_slice(message);
    bytes
}

#[cfg(test)]
mod tests;
