//! Sealing keys into a key store, and opening it again. Pure.
//!
//! ```text
//! K          = 32 random bytes, for as long as the store lives
//! lock key   = derive("salus/key-store/lock/v1", what opens the lock, [store id, lock's name, lock's kind])
//! wrapped    = committed AES-256-GCM(lock key, K)                                       one for each lock
//! secrets    = committed AES-256-GCM(derive("salus/key-store/secrets/v1", K, salt), aad = all before, secrets)
//! ```
//! Both forms begin with a commitment to their key: a file cannot be made that opens by two passphrases, which would let
//! who made it learn from an error which of many was tried.

use super::NodeKeys;
use anyhow::{Context as _, anyhow, ensure};
use commonware_codec::{Copying, DecodeExt as _, Encode as _, EncodeSize as _, Write as _};
use salus_crypto::aead::{self, OpenError};
use salus_crypto::kdf::{self, Label};
use salus_crypto::{Secret32, random};
use salus_types::keystore::{
    KeyStore, KeyStoreHead, KeyStoreSecrets, LOCKS_MAX, Lock, LockKind, is_lock_name,
};
use salus_types::{Bounded, Text, label};
use zeroize::Zeroizing;

const LOCK: Label = Label::new(label::KEY_STORE_LOCK);
const SECRETS: Label = Label::new(label::KEY_STORE_SECRETS);

/// What can be sealed again: the store's key, and its head.
pub(super) struct Sealed {
    key: Secret32,
    id: [u8; 32],
    locks: Vec<Lock>,
}

impl Sealed {
    /// A new store's, with no lock yet.
    pub(super) fn new() -> Self {
        Self { key: Secret32::random(), id: random::bytes(), locks: Vec::new() }
    }

    pub(super) fn id(&self) -> &[u8; 32] {
        &self.id
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.locks.iter().any(|lock| lock.name.as_str() == name)
    }

    /// Adds a lock that `secret` opens. The kind's salt must be new: the lock's key seals once.
    pub(super) fn add(&mut self, name: &str, kind: LockKind, secret: &Secret32) -> anyhow::Result<()> {
        ensure!(is_lock_name(name), "a lock's name is 1 to 32 of a-z, 0-9 and -: `{name}`");
        ensure!(!self.has(name), "there is a lock named `{name}` already");
        ensure!(self.locks.len() < LOCKS_MAX, "a key store has at most {LOCKS_MAX} locks");
        let sealed = aead::seal_committed(&lock_key(&self.id, name, &kind, secret), &[], self.key.expose());
        let wrapped = sealed.as_slice().try_into().context("a wrapped key of another length")?;
        self.locks.push(Lock { name: Text::new(name)?, kind, wrapped });
        Ok(())
    }

    /// Takes a lock away.
    pub(super) fn remove(&mut self, name: &str) -> anyhow::Result<()> {
        ensure!(self.has(name), "there is no lock named `{name}`");
        self.locks.retain(|lock| lock.name.as_str() != name);
        Ok(())
    }

    /// The store with these keys in it.
    pub(super) fn seal(&self, keys: &NodeKeys) -> anyhow::Result<KeyStore> {
        ensure!(!self.locks.is_empty(), "a key store without a lock would never open again");
        let head = KeyStoreHead {
            id: self.id,
            node_key: keys.node.public(),
            kem_key: Bounded::new(keys.kem.public().0.to_vec())?,
            tls_certificate: Bounded::new(keys.tls.certificate.to_vec())?,
            locks: Bounded::new(self.locks.clone())?,
            salt: random::bytes(),
        };
        let secrets = keys.secrets()?;
        // Of its full length from the start, so that no copy is left behind.
        let mut plain = Zeroizing::new(Vec::with_capacity(secrets.encode_size()));
        secrets.write(&mut *plain);
        let sealed = aead::seal_committed(&secrets_key(&self.key, &head), &head.bound(), &plain);
        Ok(KeyStore { head, sealed: Bounded::new(sealed)? })
    }
}

/// The store's key, if `secret` opens a lock.
pub(super) fn try_lock(head: &KeyStoreHead, lock: &Lock, secret: &Secret32) -> anyhow::Result<Secret32> {
    let key = lock_key(&head.id, lock.name.as_str(), &lock.kind, secret);
    let opened = aead::open_committed(&key, &[], &lock.wrapped).map_err(|error| match error {
        // Also what a lock shows whose parameters were changed, or that was taken from another store.
        OpenError::Commitment => anyhow!("this {} does not open it", what(&lock.kind)),
        OpenError::Length | OpenError::Authentication => anyhow!("somebody changed the lock"),
    })?;
    let key: &[u8; 32] = opened.as_slice().try_into().context("somebody changed the lock")?;
    Ok(Secret32::from_bytes(key))
}

/// A kind of lock, for people.
pub(super) fn what(kind: &LockKind) -> &'static str {
    match kind {
        LockKind::PassphraseLock(_) => "passphrase",
        LockKind::KeyLock(_) => "key",
        LockKind::TokenLock(_) => "token",
    }
}

/// The keys of a store, by its own key.
pub(super) fn open(store: &KeyStore, key: Secret32) -> anyhow::Result<(NodeKeys, Sealed)> {
    let changed = "the key store was changed by somebody who cannot open it: nothing in it is to be trusted";
    let head = &store.head;
    let plain =
        aead::open_committed(&secrets_key(&key, head), &head.bound(), &store.sealed).context(changed)?;
    let secrets = KeyStoreSecrets::decode(Copying(&plain)).context("the sealed keys are malformed")?;
    let keys =
        NodeKeys::from_secrets(&secrets, &head.tls_certificate).context("the sealed keys are malformed")?;
    ensure!(keys.node.public() == head.node_key, "the key store names another node key than it holds");
    Ok((keys, Sealed { key, id: head.id, locks: head.locks.to_vec() }))
}

fn lock_key(id: &[u8; 32], name: &str, kind: &LockKind, secret: &Secret32) -> Secret32 {
    kdf::derive(LOCK, secret.expose(), &[], &[id, name.as_bytes(), &kind.encode()])
}

fn secrets_key(key: &Secret32, head: &KeyStoreHead) -> Secret32 {
    kdf::derive(SECRETS, key.expose(), &head.salt, &[])
}
