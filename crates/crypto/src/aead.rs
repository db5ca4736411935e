//! AES-256-GCM (NIST SP 800-38D) under **single-use keys**: one key seals one plaintext, ever, so the nonce is fixed.
//!
//! | form | nonce (12 bytes) | bytes |
//! |---|---|---|
//! | [`seal`] | zeros | ciphertext, tag (16) |
//! | [`seal_committed`] | zeros | key commitment (32), ciphertext, tag (16) |
//! | [`seal_stream`] | see there | 1 MiB pieces, each with its tag |
//!
//! AES-GCM does not commit to its key: a ciphertext can be made that opens under two keys. Where that matters,
//! check [`key_commitment`] before opening, or use the committed form.
//!
//! Architecture invariant: there is no way to pass a nonce, so no way to use one twice but by using a key twice.

mod stream;

pub use stream::{CHUNK_LEN, StreamReader, StreamWriter, open_stream, seal_stream, stream_len};

use crate::kdf;
use crate::secret::Secret32;
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use subtle::ConstantTimeEq as _;
use thiserror::Error;
use zeroize::{Zeroize as _, Zeroizing};

/// Bytes that sealing adds.
pub const TAG_LEN: usize = 16;

/// Bytes of a key commitment.
pub const KEY_COMMITMENT_LEN: usize = 32;

/// Plaintexts above this many bytes (16 MiB) are sealed as a stream.
pub const ONE_SHOT_LEN_MAX: usize = 16 << 20;

/// Info of the HKDF-Expand that makes a key commitment.
const KEY_COMMITMENT_INFO: &[u8] = b"salus/crypto/key-commitment/1";

/// Why sealed bytes do not open.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Error)]
pub enum OpenError {
    /// The sealed bytes are too short, or too long by part of a chunk.
    #[error("sealed bytes have an impossible length")]
    Length,
    /// The key is not the one that was committed to.
    #[error("key does not match its commitment")]
    Commitment,
    /// Key, associated data or sealed bytes are not those that were sealed.
    #[error("sealed bytes do not open under this key and associated data")]
    Authentication,
}

/// Seals `plaintext` under a key that is never used again. `aad` is authenticated, not sealed.
pub fn seal(key: &Secret32, aad: &[u8], plaintext: &[u8]) -> Vec<u8> {
    let mut buffer = Vec::with_capacity(plaintext.len() + TAG_LEN);
    buffer.extend_from_slice(plaintext);
    seal_in_place(key, aad, &mut buffer);
    buffer
}

/// [`seal`], replacing the plaintext in `buffer` by ciphertext and tag. `buffer` may move to make room for the tag,
/// but only once it holds ciphertext, so no plaintext stays behind.
pub fn seal_in_place(key: &Secret32, aad: &[u8], buffer: &mut Vec<u8>) {
    cipher(key).seal(&[0; NONCE_LEN], aad, buffer, 0);
}

/// Opens what [`seal`] gave.
///
/// # Errors
///
/// [`OpenError::Length`] or [`OpenError::Authentication`]; no plaintext is given then.
pub fn open(key: &Secret32, aad: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, OpenError> {
    let mut buffer = Zeroizing::new(sealed.to_vec());
    open_in_place(key, aad, &mut buffer)?;
    Ok(buffer)
}

/// [`open`], replacing the sealed bytes in `buffer` by the plaintext; on an error `buffer` is wiped and emptied.
///
/// # Errors
///
/// As [`open`].
pub fn open_in_place(key: &Secret32, aad: &[u8], buffer: &mut Vec<u8>) -> Result<(), OpenError> {
    cipher(key).open(&[0; NONCE_LEN], aad, buffer, 0)
}

/// A public value that binds a key: HKDF-Expand-SHA256(key, "salus/crypto/key-commitment/1", 32). The key must be
/// uniformly random, as all [`Secret32`] keys are.
pub fn key_commitment(key: &Secret32) -> [u8; KEY_COMMITMENT_LEN] {
    kdf::expand(key, KEY_COMMITMENT_INFO)
}

/// Checks in constant time that `commitment` is that of `key`.
///
/// # Errors
///
/// [`OpenError::Commitment`].
pub fn check_key_commitment(key: &Secret32, commitment: &[u8; KEY_COMMITMENT_LEN]) -> Result<(), OpenError> {
    if key_commitment(key).ct_eq(commitment).into() { Ok(()) } else { Err(OpenError::Commitment) }
}

/// `key_commitment(key) || seal(key, aad, plaintext)`.
pub fn seal_committed(key: &Secret32, aad: &[u8], plaintext: &[u8]) -> Vec<u8> {
    let mut sealed = seal(key, aad, plaintext);
    sealed.splice(0..0, key_commitment(key));
    sealed
}

/// Opens what [`seal_committed`] gave, checking the commitment first.
///
/// # Errors
///
/// [`OpenError`].
pub fn open_committed(key: &Secret32, aad: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, OpenError> {
    let (commitment, sealed) = sealed.split_first_chunk().ok_or(OpenError::Length)?;
    check_key_commitment(key, commitment)?;
    open(key, aad, sealed)
}

/// A key expanded for use; private, so that nonces stay in this module.
struct Cipher(LessSafeKey);

/// Cannot fail: the algorithm takes every 32-byte key.
fn cipher(key: &Secret32) -> Cipher {
    Cipher(LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key.expose()).expect("32-byte key")))
}

impl Cipher {
    /// Seals what follows the first `start` bytes of `buffer`. Cannot fail: AES-GCM seals everything up to
    /// 2^36 - 32 bytes.
    fn seal(&self, nonce: &[u8; NONCE_LEN], aad: &[u8], buffer: &mut Vec<u8>, start: usize) {
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let sealed = self.0.seal_in_place_separate_tag(nonce, Aad::from(aad), &mut buffer[start..]);
        buffer.extend_from_slice(sealed.expect("plaintext below 64 GiB").as_ref());
    }

    /// Opens what follows the first `start` bytes of `buffer`; on an error all of `buffer` is wiped.
    fn open(
        &self,
        nonce: &[u8; NONCE_LEN],
        aad: &[u8],
        buffer: &mut Vec<u8>,
        start: usize,
    ) -> Result<(), OpenError> {
        let Some(end) = buffer.len().checked_sub(TAG_LEN).filter(|end| *end >= start) else {
            buffer.zeroize();
            return Err(OpenError::Length);
        };
        let nonce = Nonce::assume_unique_for_key(*nonce);
        if self.0.open_in_place(nonce, Aad::from(aad), &mut buffer[start..]).is_err() {
            buffer.zeroize();
            return Err(OpenError::Authentication);
        }
        buffer.truncate(end);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
