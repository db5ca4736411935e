//! A second suite, in tests only: HKDF-SHA512 and ChaCha20-Poly1305. It shows that nothing but [`super`] knows the first.

use super::Suite;
use aws_lc_rs::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::hkdf::{HKDF_SHA512, KeyType, Prk, Salt};
use salus_crypto::Secret32;
use salus_crypto::aead::OpenError;
use salus_types::VersionId;
use zeroize::Zeroizing;

pub(crate) const SUITE_2: u8 = 2;

pub(crate) static SECOND: Suite = Suite { code: SUITE_2, data_key, key_commitment, seal, open };

struct Bytes32;

impl KeyType for Bytes32 {
    fn len(&self) -> usize {
        32
    }
}

fn expand(prk: &Prk, info: &[&[u8]], out: &mut [u8; 32]) {
    prk.expand(info, Bytes32).and_then(|okm| okm.fill(out)).expect("32 bytes are few");
}

fn data_key(key: &Secret32, s: &Secret32, version: &VersionId) -> Secret32 {
    let prk = Salt::new(HKDF_SHA512, s.expose()).extract(key.expose());
    Secret32::init_with(|out| expand(&prk, &[b"test/data-key/2", version.as_bytes()], out))
}

/// Poly1305 does not commit to its key either.
fn key_commitment(key: &Secret32) -> [u8; 32] {
    let mut out = [0; 32];
    expand(&Salt::new(HKDF_SHA512, &[]).extract(key.expose()), &[b"test/key-commitment/2"], &mut out);
    out
}

fn cipher(key: &Secret32) -> LessSafeKey {
    LessSafeKey::new(UnboundKey::new(&CHACHA20_POLY1305, key.expose()).expect("a key of 32 bytes"))
}

fn nonce() -> Nonce {
    Nonce::assume_unique_for_key([0; NONCE_LEN])
}

fn seal(key: &Secret32, aad: &[u8], mut plain: Zeroizing<Vec<u8>>) -> Vec<u8> {
    let mut buffer = std::mem::take(&mut *plain);
    cipher(key).seal_in_place_append_tag(nonce(), Aad::from(aad), &mut buffer).expect("not that long");
    buffer
}

fn open(key: &Secret32, aad: &[u8], ciphertext: &[u8]) -> Result<Zeroizing<Vec<u8>>, OpenError> {
    let mut buffer = Zeroizing::new(ciphertext.to_vec());
    let length = match cipher(key).open_in_place(nonce(), Aad::from(aad), &mut buffer) {
        Ok(plain) => plain.len(),
        Err(_) => return Err(OpenError::Authentication),
    };
    buffer.truncate(length);
    Ok(buffer)
}
