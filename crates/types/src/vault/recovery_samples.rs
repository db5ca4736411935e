//! Samples of what is sealed about the keys of a patient, for the tests of all encodings.

use super::{RecoveryAsk, RecoveryDeposit, RecoveryShare, Rekey};
use crate::codec::Text;
use crate::ids::{NetworkId, RecoveryId};
use crate::organisation::KEM_KEY_LENGTH;
use salus_crypto::hash::{Digest, sha256};
use salus_crypto::sign::{Signature, SigningKey};

fn digest(n: u8) -> Digest {
    sha256([n])
}

fn signing_key(n: u8) -> SigningKey {
    SigningKey::from_seed(&[n; 32])
}

pub(crate) fn recovery_share() -> RecoveryShare {
    RecoveryShare { recovery: RecoveryId(digest(60)), counter: 2, index: 3, value: [4; 32] }
}

pub(crate) fn recovery_deposit() -> RecoveryDeposit {
    RecoveryDeposit {
        network: NetworkId(digest(59)),
        organisation: "hospital-a".parse().expect("a name"),
        patient: signing_key(4).public(),
        kem_key: vec![1; KEM_KEY_LENGTH].try_into().expect("a key"),
        time_ms: 1_800_000_000_000,
        nonce: [9; 16],
        share: Some(recovery_share()),
        signature: Signature([0; 64]),
    }
    .signed(&signing_key(4))
}

pub(crate) fn rekey() -> Rekey {
    let [old, new] = [4, 5].map(signing_key);
    Rekey {
        network: NetworkId(digest(59)),
        organisation: "hospital-a".parse().expect("a name"),
        old: old.public(),
        new: new.public(),
        kem_key: vec![1; KEM_KEY_LENGTH].try_into().expect("a key"),
        time_ms: 1_800_000_000_000,
        nonce: [9; 16],
        old_signature: Signature([0; 64]),
        new_signature: Signature([0; 64]),
    }
    .signed(&old, &new)
}

#[test]
fn keys_are_replaced_by_the_word_of_both() {
    assert!(rekey().is_by_both());
    let [old, new, thief] = [4, 5, 6].map(signing_key);
    assert!(!rekey().signed(&thief, &new).is_by_both());
    assert!(!rekey().signed(&old, &thief).is_by_both());
    let swapped = Rekey { old: new.public(), new: old.public(), ..rekey() };
    assert!(!swapped.is_by_both());
    let elsewhere = Rekey { organisation: "hospital-b".parse().expect("a name"), ..rekey() };
    assert!(!elsewhere.is_by_both());
}

pub(crate) fn recovery_ask() -> RecoveryAsk {
    RecoveryAsk {
        network: NetworkId(digest(59)),
        organisation: "hospital-a".parse().expect("a name"),
        code: Text::new("ABCD").expect("short"),
        kem_key: vec![1; KEM_KEY_LENGTH].try_into().expect("a key"),
    }
}
