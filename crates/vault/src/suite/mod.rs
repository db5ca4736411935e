//! What the suite byte of a package stands for: how the data key follows from CK and S, how it is committed to, and the
//! cipher. This is the one place that says so; `docs/protocol/keys.md`, *Suites*, says how another one is added.
//!
//! The same in every suite, since it names things or is signed, are SHA-256 of ciphertexts and texts, the commitment to a
//! version, the tree over a batch, and the shares of S: they change with the protocol's version.
//!
//! A package says its suite in its header, which is associated data of its cipher, part of its digest, and so of what is
//! anchored. Versions of several suites lie in one compartment, and each opens by its own.

#[cfg(test)]
pub(crate) mod second;

use salus_crypto::Secret32;
use salus_crypto::aead::{self, ONE_SHOT_LEN_MAX, OpenError, TAG_LEN};
use salus_crypto::kdf::{self, Label};
use salus_types::vault::SUITE_1;
use salus_types::{VersionId, label};
use std::fmt;
use zeroize::Zeroizing;

type Seal = fn(&Secret32, &[u8], Zeroizing<Vec<u8>>) -> Vec<u8>;
type Open = fn(&Secret32, &[u8], &[u8]) -> Result<Zeroizing<Vec<u8>>, OpenError>;

/// The algorithms of a package.
pub struct Suite {
    /// Its code in the header.
    pub(crate) code: u8,
    /// DEK, from the compartment's key, S and the version's id.
    pub(crate) data_key: fn(&Secret32, &Secret32, &VersionId) -> Secret32,
    /// A public value that binds DEK: no ciphertext opens under two keys.
    pub(crate) key_commitment: fn(&Secret32) -> [u8; 32],
    /// Seals under DEK, which seals nothing else: associated data, text.
    pub(crate) seal: Seal,
    /// Opens what `seal` gave.
    pub(crate) open: Open,
}

/// HKDF-SHA256, AES-256-GCM.
pub static FIRST: Suite = Suite { code: SUITE_1, data_key, key_commitment: aead::key_commitment, seal, open };

/// The suite in which new versions are sealed.
pub static NEWEST: &Suite = &FIRST;

/// Every suite that opens.
static ALL: &[&Suite] = &[
    &FIRST,
    #[cfg(test)]
    &second::SECOND,
];

impl Suite {
    /// The suite of a code, if this program knows it.
    pub fn of(code: u8) -> Option<&'static Self> {
        ALL.iter().find(|suite| suite.code == code).copied()
    }
}

impl fmt::Debug for Suite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Suite({})", self.code)
    }
}

const DATA_KEY: Label = Label::new(label::DATA_KEY);

fn data_key(key: &Secret32, s: &Secret32, version: &VersionId) -> Secret32 {
    kdf::derive(DATA_KEY, key.expose(), s.expose(), &[version.as_bytes()])
}

fn seal(key: &Secret32, aad: &[u8], mut plain: Zeroizing<Vec<u8>>) -> Vec<u8> {
    if plain.len() <= ONE_SHOT_LEN_MAX {
        // In place: once it is ciphertext, there is nothing to wipe.
        let mut buffer = std::mem::take(&mut *plain);
        aead::seal_in_place(key, aad, &mut buffer);
        return buffer;
    }
    aead::seal_stream(key, aad, &plain)
}

/// The length tells the form: a stream is at least one chunk's tag longer than the longest one-shot ciphertext.
fn open(key: &Secret32, aad: &[u8], ciphertext: &[u8]) -> Result<Zeroizing<Vec<u8>>, OpenError> {
    if ciphertext.len() <= ONE_SHOT_LEN_MAX + TAG_LEN {
        aead::open(key, aad, ciphertext)
    } else {
        aead::open_stream(key, aad, ciphertext)
    }
}
