//! Secrets at rest: AES-256-GCM under `HKDF(storage key, salt = 32 random bytes, [kind, id])`, so that every sealing
//! has a key of its own and no entry opens in another's place.

use super::{Store, StoreError};
use crate::codec::record;
use salus_crypto::kdf::{self, Label};
use salus_crypto::{Secret32, aead};
use salus_types::{Bounded, label};
use zeroize::Zeroizing;

const STORE: Label = Label::new(label::VAULT_STORE);

/// Longest sealed entry in bytes: a letter with 64 keys.
const SEALED_BYTES_MAX: usize = 64 * 1024;

record! {
    /// A sealed secret in a table.
    pub(crate) struct Sealed {
        salt: [u8; 32],
        bytes: Bounded<u8, SEALED_BYTES_MAX>,
    }
}

impl Store {
    /// Seals a secret that belongs to entry `id` of `kind`. Secrets longer than the bound are a programmer's error and
    /// would not open again.
    pub(crate) fn seal_secret(&self, kind: &[u8], id: &[u8], secret: &[u8]) -> Sealed {
        debug_assert!(secret.len() < SEALED_BYTES_MAX - 16);
        let salt = salus_crypto::random::bytes();
        let key = kdf::derive(STORE, self.storage_key().expose(), &salt, &[kind, id]);
        Sealed { salt, bytes: Bounded::new(aead::seal(&key, &[], secret)).unwrap_or_default() }
    }

    /// Opens what [`Self::seal_secret`] made.
    pub(crate) fn open_secret(
        &self,
        kind: &[u8],
        id: &[u8],
        sealed: &Sealed,
    ) -> Result<Zeroizing<Vec<u8>>, StoreError> {
        let key = kdf::derive(STORE, self.storage_key().expose(), &sealed.salt, &[kind, id]);
        aead::open(&key, &[], &sealed.bytes).map_err(|_| StoreError::Damaged)
    }

    /// Opens what [`Self::seal_secret`] made of a key.
    pub(crate) fn open_key(&self, kind: &[u8], id: &[u8], sealed: &Sealed) -> Result<Secret32, StoreError> {
        let bytes = self.open_secret(kind, id, sealed)?;
        bytes.as_slice().try_into().map(Secret32::from_bytes).map_err(|_| StoreError::Damaged)
    }
}
