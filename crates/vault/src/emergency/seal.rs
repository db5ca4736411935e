//! Sealing a summary, and opening it again. Pure.
//!
//! ```text
//! EK   = 32 random bytes                shares = Shamir k of n (EK), k = n/2 + 1
//! key  = HKDF(ikm = EK, info = frame("salus/emergency/v1", [compartment, revision]))
//! ciphertext = key commitment || AES-256-GCM(key, nonce 0, aad = compartment || revision, text, padded with spaces to 4 KiB)
//! ```

use salus_crypto::aead;
use salus_crypto::hash::{Digest, hash, sha256};
use salus_crypto::kdf::{self, Label};
use salus_crypto::shamir::{self, Share};
use salus_crypto::{Secret32, random};
use salus_types::emergency::emergency_threshold;
use salus_types::vault::EmergencyPackage;
use salus_types::{CompartmentId, label};
use zeroize::Zeroizing;

const EMERGENCY: Label = Label::new(label::EMERGENCY);

/// Summaries of about the same size look alike.
const PADDED_TO: usize = 4 * 1024;

/// Makes a key and its shares.
pub(super) fn make_shares(holders: usize) -> Vec<Share> {
    let mut key = Zeroizing::new([0; 32]);
    random::fill(&mut *key);
    let small = |number: usize| u8::try_from(number).unwrap_or(u8::MAX);
    shamir::split(&key, small(emergency_threshold(holders)), small(holders))
}

/// What a keyed hash of a summary is, to tell whether it changed.
pub(super) fn content(key: &Secret32, text: &[u8]) -> Digest {
    hash("salus/emergency-content/v1", &[key.expose(), text])
}

/// Seals the text of a revision.
pub(super) fn seal(key: &Secret32, compartment: &CompartmentId, revision: u32, text: &[u8]) -> Vec<u8> {
    let mut padded = Zeroizing::new(text.to_vec());
    padded.resize(text.len().next_multiple_of(PADDED_TO), b' ');
    let (key, aad) = (derive(key, compartment, revision), aad(compartment, revision));
    aead::seal_committed(&key, &aad, &padded)
}

/// Opens a package with shares that were checked against its commitments; `None` if they are not enough, or give another
/// key: a source may commit to shares that do not lie on one line, and the cipher alone would open under several keys.
pub(super) fn open(package: &EmergencyPackage, shares: &[Share]) -> Option<Zeroizing<Vec<u8>>> {
    let statement = &package.statement;
    let key = shamir::combine(shares).ok()?;
    let key = derive(&key, &statement.compartment, statement.revision);
    aead::open_committed(&key, &aad(&statement.compartment, statement.revision), &package.ciphertext).ok()
}

/// Whether sizes, places and digest fit: of a summary that is kept, or of one that is withdrawn.
pub(super) fn is_well_formed(package: &EmergencyPackage) -> bool {
    let statement = &package.statement;
    let holders = statement.holders.len();
    if holders == 0 {
        return package.ciphertext.is_empty() && statement.share_commitments.is_empty();
    }
    holders >= 3
        && statement.share_commitments.len() == holders
        && usize::from(statement.threshold) == emergency_threshold(holders)
        && (0..holders).all(|at| !statement.holders[at + 1..].contains(&statement.holders[at]))
        && sha256(&*package.ciphertext) == statement.ciphertext_digest
}

fn derive(key: &Secret32, compartment: &CompartmentId, revision: u32) -> Secret32 {
    kdf::derive(EMERGENCY, key.expose(), &[], &[compartment.as_bytes(), &revision.to_be_bytes()])
}

fn aad(compartment: &CompartmentId, revision: u32) -> Vec<u8> {
    [compartment.as_bytes(), &revision.to_be_bytes()].concat()
}
