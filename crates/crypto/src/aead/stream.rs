//! STREAM (Hoang, Reyhanitabar, Rogaway, Vizár: "Online Authenticated-Encryption and its Nonce-Reuse
//! Misuse-Resistance", 2015) over AES-256-GCM, for plaintexts too long for one tag.
//!
//! The plaintext is cut into chunks of 1 MiB; the last has 1 byte to 1 MiB (or none, if the plaintext is empty).
//! Each chunk is sealed under the same single-use key with the same `aad` and the nonce
//! `0x01 || six zero bytes || chunk number as u32 BE || 0x01 if it is the last chunk, else 0x00`. The leading
//! 0x01 keeps a chunk from opening as a whole [`super::seal`]ed object. Sealed chunks follow one another bare.

mod io;

pub use io::{StreamReader, StreamWriter};

use super::{NONCE_LEN, OpenError, TAG_LEN, cipher};
use crate::secret::Secret32;
use zeroize::Zeroizing;

/// Plaintext bytes of every chunk but the last (1 MiB).
pub const CHUNK_LEN: usize = 1 << 20;

/// Bytes of the stream that seals `plaintext_len` bytes.
pub const fn stream_len(plaintext_len: usize) -> usize {
    let chunks = plaintext_len.div_ceil(CHUNK_LEN);
    plaintext_len + TAG_LEN * if chunks == 0 { 1 } else { chunks }
}

/// Seals `plaintext` in chunks under a key that is never used again.
///
/// # Panics
///
/// If the plaintext has 2^52 bytes or more.
pub fn seal_stream(key: &Secret32, aad: &[u8], plaintext: &[u8]) -> Vec<u8> {
    let cipher = cipher(key);
    let mut sealed = Vec::with_capacity(stream_len(plaintext.len()));
    for (nonce, chunk) in nonces_and_chunks(plaintext, CHUNK_LEN) {
        let start = sealed.len();
        sealed.extend_from_slice(chunk);
        cipher.seal(&nonce, aad, &mut sealed, start);
    }
    sealed
}

/// Opens what [`seal_stream`] gave. A stream cut short, extended, or with chunks exchanged, repeated or missing does
/// not open.
///
/// # Errors
///
/// [`OpenError::Length`] or [`OpenError::Authentication`]; no plaintext is given then.
///
/// # Panics
///
/// If the stream has 2^52 bytes or more.
pub fn open_stream(key: &Secret32, aad: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, OpenError> {
    let cipher = cipher(key);
    let mut plaintext = Zeroizing::new(Vec::with_capacity(sealed.len()));
    for (nonce, chunk) in nonces_and_chunks(sealed, CHUNK_LEN + TAG_LEN) {
        let start = plaintext.len();
        plaintext.extend_from_slice(chunk);
        cipher.open(&nonce, aad, &mut plaintext, start)?;
        if plaintext.len() == start && start > 0 {
            return Err(OpenError::Length);
        }
    }
    Ok(plaintext)
}

/// The pieces of `bytes`, at least one, each with its nonce.
fn nonces_and_chunks(bytes: &[u8], chunk_len: usize) -> impl Iterator<Item = ([u8; NONCE_LEN], &[u8])> {
    let count = bytes.len().div_ceil(chunk_len).max(1);
    assert!(u32::try_from(count).is_ok(), "a stream has fewer than 2^32 chunks");
    (0..count).map(move |at| {
        let chunk = &bytes[at * chunk_len..bytes.len().min((at + 1) * chunk_len)];
        (nonce(at as u32, at + 1 == count), chunk)
    })
}

/// The nonce of the chunk with a number, from 0.
fn nonce(number: u32, last: bool) -> [u8; NONCE_LEN] {
    let mut nonce = [0; NONCE_LEN];
    nonce[0] = 1;
    nonce[7..11].copy_from_slice(&number.to_be_bytes());
    nonce[11] = u8::from(last);
    nonce
}
