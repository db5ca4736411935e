//! The file in which an organisation's secret keys lie sealed: `docs/protocol/keys.md`, *Key store*.
//!
//! ```text
//! file = MAGIC || KeyStoreHead || sealed secrets || SHA-256(all before)
//! ```
//! The head is in the clear: anybody who may read the file sees which locks there are and the public keys. Only who
//! opens a lock knows that they are true, for what is sealed binds the head. The digest tells damage by accident from a
//! wrong passphrase, and nothing else.

use crate::codec::{Bounded, DecodeError, Text, codec_struct, codec_sum, decode_canonical};
use crate::organisation::KEM_KEY_LENGTH;
use commonware_codec::Encode as _;
use salus_crypto::aead::{KEY_COMMITMENT_LEN, TAG_LEN};
use salus_crypto::hash::sha256;
use salus_crypto::sign::PublicKey;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// What every key store begins with; the last character but one is the version of the format.
pub const MAGIC: &[u8; 17] = b"salus-key-store1\n";

/// Length of [`MAGIC`] without the version.
const NAME_LEN: usize = 15;

/// Bytes of a wrapped store key: key commitment, ciphertext of 32 bytes, tag.
pub const WRAPPED_STORE_KEY_LEN: usize = KEY_COMMITMENT_LEN + 32 + TAG_LEN;

/// Locks of one store.
pub const LOCKS_MAX: usize = 8;

codec_struct! {
    /// Opened by a passphrase: Argon2id (RFC 9106), version 0x13.
    pub struct PassphraseLock {
        /// Salt.
        pub salt: [u8; 32],
        /// Memory in KiB.
        pub memory_kib: u32,
        /// Passes over the memory.
        pub passes: u32,
        /// Lanes.
        pub lanes: u32,
    }
}

codec_struct! {
    /// Opened by 32 random bytes that somebody else keeps, such as systemd.
    pub struct KeyLock {
        /// Salt.
        pub salt: [u8; 32],
    }
}

codec_struct! {
    /// Opened by a token (PKCS #11) that answers the salt by HMAC-SHA256 under a key that it does not give out.
    pub struct TokenLock {
        /// Salt.
        pub salt: [u8; 32],
        /// The token's label.
        pub token: Text<32>,
        /// The key's `CKA_ID`.
        pub key: Bounded<u8, 32>,
    }
}

codec_sum! {
    /// By what a lock is opened.
    pub enum LockKind {
        /// A passphrase.
        PassphraseLock = 1,
        /// 32 random bytes.
        KeyLock = 2,
        /// A token.
        TokenLock = 3,
    }
}

codec_struct! {
    /// One way to open the store.
    pub struct Lock {
        /// Name, for people: 1 to 32 of a-z, 0-9 and -.
        pub name: Text<32>,
        /// By what it is opened.
        pub kind: LockKind,
        /// The store's key under the lock's: key commitment || ciphertext || tag.
        pub wrapped: [u8; WRAPPED_STORE_KEY_LEN],
    }
}

codec_struct! {
    /// What is in the clear, and bound to what is sealed.
    pub struct KeyStoreHead {
        /// Random; a lock opens the store of this id only.
        pub id: [u8; 32],
        /// The node's Ed25519 public key.
        pub node_key: PublicKey,
        /// The node's X-Wing public key.
        pub kem_key: Bounded<u8, KEM_KEY_LENGTH>,
        /// The node's TLS certificate, DER.
        pub tls_certificate: Bounded<u8, 4_096>,
        /// The locks, each of another name.
        pub locks: Bounded<Lock, LOCKS_MAX>,
        /// New each time the file is written: salt of the key that seals the secrets.
        pub salt: [u8; 32],
    }
}

codec_struct! {
    /// A key store.
    pub struct KeyStore {
        /// In the clear.
        pub head: KeyStoreHead,
        /// [`KeyStoreSecrets`]: key commitment || ciphertext || tag.
        pub sealed: Bounded<u8, 8_192>,
    }
}

codec_struct! {
    /// The secrets of a store. They are wiped when dropped.
    #[derive(Zeroize, ZeroizeOnDrop)]
    pub secret struct KeyStoreSecrets {
        /// Seed of the node's Ed25519 key.
        pub node_seed: [u8; 32],
        /// The node's X-Wing private key.
        pub kem_seed: [u8; 32],
        /// The X-Wing private key before it.
        pub former_kem_seed: Option<[u8; 32]>,
        /// Seals what the node's tables hold.
        pub storage_key: [u8; 32],
        /// Private key of the TLS certificate, PKCS #8.
        pub tls_key: Bounded<u8, 4_096>,
    }
}

/// Why a file is no key store.
#[derive(Debug, thiserror::Error)]
pub enum KeyStoreError {
    /// It begins otherwise.
    #[error("this is no key store")]
    Other,
    /// Written by a program of another version.
    #[error("this key store has a format that this version of salus does not know")]
    Version,
    /// The digest does not fit.
    #[error("the key store is damaged or cut short: its digest does not fit")]
    Damaged,
    /// The digest fits, and yet it does not decode.
    #[error("the key store is malformed: {0}")]
    Malformed(#[from] DecodeError),
    /// No lock, two of one name, or a name of other characters.
    #[error("the key store's locks are malformed")]
    Locks,
}

impl KeyStoreHead {
    /// What the sealed secrets bind: the file up to them.
    pub fn bound(&self) -> Vec<u8> {
        [&MAGIC[..], &self.encode()].concat()
    }
}

impl KeyStore {
    /// Whether `bytes` are meant as a key store of any version.
    pub fn is_meant(bytes: &[u8]) -> bool {
        bytes.starts_with(&MAGIC[..NAME_LEN])
    }

    /// The file.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut file = [&MAGIC[..], &self.encode()].concat();
        let digest = sha256(&file);
        file.extend_from_slice(digest.as_ref());
        file
    }

    /// Reads the file.
    ///
    /// # Errors
    /// [`KeyStoreError`], naming the first check that fails. That it is a key store says nothing about who wrote it.
    pub fn from_bytes(file: &[u8]) -> Result<Self, KeyStoreError> {
        if !Self::is_meant(file) {
            return Err(KeyStoreError::Other);
        }
        if file.get(NAME_LEN..MAGIC.len()).is_some_and(|version| version != &MAGIC[NAME_LEN..]) {
            return Err(KeyStoreError::Version);
        }
        let (signed, digest) = file.split_last_chunk::<32>().ok_or(KeyStoreError::Damaged)?;
        if sha256(signed).as_ref() != digest {
            return Err(KeyStoreError::Damaged);
        }
        let body = signed.strip_prefix(&MAGIC[..]).ok_or(KeyStoreError::Damaged)?;
        let store: Self = decode_canonical(body)?;
        let names: Vec<&str> = store.head.locks.iter().map(|lock| lock.name.as_str()).collect();
        let twice = (1..names.len()).any(|at| names[..at].contains(&names[at]));
        let tokens = store.head.locks.iter().all(|lock| match &lock.kind {
            LockKind::TokenLock(lock) => !lock.token.as_str().chars().any(char::is_control),
            LockKind::PassphraseLock(_) | LockKind::KeyLock(_) => true,
        });
        if names.is_empty() || twice || !tokens || !names.iter().all(|name| is_lock_name(name)) {
            return Err(KeyStoreError::Locks);
        }
        Ok(store)
    }
}

/// Whether a lock may have this name: 1 to 32 of a-z, 0-9 and -, so that it can be printed whoever wrote the file.
pub fn is_lock_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=32).contains(&name.len()) && name.bytes().all(plain)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;
    use salus_crypto::sign::SigningKey;

    fn lock(name: &str, kind: impl Into<LockKind>) -> Lock {
        Lock { name: Text::new(name).expect("short"), kind: kind.into(), wrapped: [5; WRAPPED_STORE_KEY_LEN] }
    }

    pub(crate) fn secrets() -> KeyStoreSecrets {
        KeyStoreSecrets {
            node_seed: [1; 32],
            kem_seed: [2; 32],
            former_kem_seed: Some([3; 32]),
            storage_key: [4; 32],
            tls_key: vec![6; 138].try_into().expect("short"),
        }
    }

    pub(crate) fn store() -> KeyStore {
        let passphrase = PassphraseLock { salt: [1; 32], memory_kib: 65_536, passes: 3, lanes: 4 };
        let token = Text::new("salus").expect("short");
        let token = TokenLock { salt: [3; 32], token, key: vec![9; 16].try_into().expect("short") };
        let locks = vec![
            lock("office", passphrase),
            lock("machine", KeyLock { salt: [2; 32] }),
            lock("hsm-1", token),
        ];
        let head = KeyStoreHead {
            id: [7; 32],
            node_key: SigningKey::from_seed(&[1; 32]).public(),
            kem_key: vec![8; KEM_KEY_LENGTH].try_into().expect("a key"),
            tls_certificate: vec![9; 300].try_into().expect("short"),
            locks: locks.try_into().expect("few"),
            salt: [10; 32],
        };
        KeyStore { head, sealed: vec![11; 300].try_into().expect("short") }
    }

    fn refused(file: &[u8], expected: &str) {
        let error = KeyStore::from_bytes(file).expect_err(expected);
        assert!(error.to_string().contains(expected), "{expected}: {error}");
    }

    /// As who can write the file would: with the digest that fits.
    fn with_locks(locks: Vec<Lock>) -> Vec<u8> {
        let mut store = store();
        store.head.locks = locks.try_into().expect("few");
        store.to_bytes()
    }

    #[test]
    fn a_store_is_read_as_it_was_written_and_begins_with_its_name() {
        let file = store().to_bytes();
        assert_eq!(KeyStore::from_bytes(&file).expect("a store"), store());
        assert!(file.starts_with(b"salus-key-store1\n"));
        assert!(file.starts_with(&store().head.bound()), "what is sealed binds all before it");
    }

    #[test]
    fn a_store_that_is_cut_or_changed_anywhere_is_refused() {
        let file = store().to_bytes();
        for length in 0..file.len() {
            assert!(KeyStore::from_bytes(&file[..length]).is_err(), "cut to {length}");
        }
        for at in 0..file.len() {
            let mut changed = file.clone();
            changed[at] ^= 1;
            assert!(KeyStore::from_bytes(&changed).is_err(), "byte {at}");
        }
        refused(&[&file[..], b"\n"].concat(), "damaged");
        refused(&file[..file.len() - 1], "damaged");
        refused(&file[..20], "damaged");
        refused(b"salus-key-store", "damaged");
        refused(b"salus-key-store2\nanything", "does not know");
        refused(b"{\"node_seed\":\"00\"}", "no key store");
        refused(b"", "no key store");
    }

    #[test]
    fn locks_must_be_there_be_named_plainly_and_differ() {
        let key = || KeyLock { salt: [2; 32] };
        assert!(KeyStore::from_bytes(&with_locks(vec![lock("a", key())])).is_ok());
        for locks in [
            vec![],
            vec![lock("a", key()), lock("b", key()), lock("a", key())],
            vec![lock("", key())],
            vec![lock("A", key())],
            vec![lock("\u{1b}[2J", key())],
        ] {
            refused(&with_locks(locks), "locks are malformed");
        }
        let token = Text::new("\u{1b}[2J").expect("short");
        let token = TokenLock { salt: [3; 32], token, key: Bounded::default() };
        refused(&with_locks(vec![lock("a", token)]), "locks are malformed");
    }

    #[test]
    fn secrets_are_not_printed() {
        assert_eq!(format!("{:?}", secrets()), "KeyStoreSecrets([redacted])");
    }

    fn kind() -> impl Strategy<Value = LockKind> {
        let passphrase =
            (any::<[u8; 32]>(), any::<[u32; 3]>()).prop_map(|(salt, [memory_kib, passes, lanes])| {
                PassphraseLock { salt, memory_kib, passes, lanes }.into()
            });
        let key = any::<[u8; 32]>().prop_map(|salt| KeyLock { salt }.into());
        let id = prop::collection::vec(any::<u8>(), 0..=32);
        let token = (any::<[u8; 32]>(), "[ -~]{0,32}", id).prop_map(|(salt, token, key)| {
            let token = Text::new(token).expect("short");
            TokenLock { salt, token, key: key.try_into().expect("short") }.into()
        });
        prop_oneof![passphrase, key, token]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        #[test]
        fn any_store_is_read_as_it_was_written(
            kinds in prop::collection::btree_map("[a-z0-9-]{1,32}", kind(), 1..=LOCKS_MAX),
            sealed in prop::collection::vec(any::<u8>(), 0..=1_000),
            id: [u8; 32],
        ) {
            let mut store = store();
            let locks: Vec<_> = kinds.into_iter().map(|(name, kind)| lock(&name, kind)).collect();
            store.head.locks = locks.try_into().expect("few");
            store.head.id = id;
            store.sealed = sealed.try_into().expect("short");
            prop_assert_eq!(KeyStore::from_bytes(&store.to_bytes()).expect("a store"), store);
        }
    }
}
