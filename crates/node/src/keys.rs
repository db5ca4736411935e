//! Salus' keys as commonware's.

use commonware_codec::{Copying, DecodeExt as _};
use commonware_cryptography::ed25519;
use salus_types::{PublicKey, SigningKey};

/// A public key, if it is a curve point.
pub fn public(key: &PublicKey) -> Option<ed25519::PublicKey> {
    ed25519::PublicKey::decode(Copying(key.as_ref())).ok()
}

/// A private key.
///
/// # Panics
/// Never: every seed of 32 bytes is a key.
pub fn private(key: &SigningKey) -> ed25519::PrivateKey {
    ed25519::PrivateKey::decode(Copying(key.expose_seed().as_ref())).expect("every seed of 32 bytes is a key")
}
