//! Proofs that a node hands out, and how to check the parts that need commonware.

use crate::block::to_commonware;
use crate::runtime::Runtime;
use crate::state::{CHUNK_BYTES, StateDb, database_key};
use bytes::Bytes;
use commonware_codec::{Decode as _, Encode as _};
use commonware_cryptography::{Sha256, sha256};
use commonware_storage::mmr;
use commonware_storage::qmdb::any::value::VariableEncoding;
use commonware_storage::qmdb::current::ordered::proof::constant::{ExclusionProof, KeyValueProof};
use salus_types::Digest;
use salus_types::block::Header;
use salus_types::state::{StateKey, StateValue};

/// Most headers from a block to the certificate that makes it final.
pub const CHAIN_HEADERS_MAX: usize = 256;
/// Most digests in a state proof: one per level of the tree, with room for its peaks.
pub const STATE_PROOF_DIGESTS_MAX: usize = 256;

/// A final block's header, and how it is shown to be final: see `docs/protocol/certificates.md`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certified {
    /// The block's header first, each following one a child of the one before; nearly always one.
    pub headers: Vec<Header>,
    /// Certificate of the last header.
    pub certificate: Bytes,
}

/// What is, or is not, under a key of some state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// What is under it, `None` if nothing.
    pub value: Option<StateValue>,
    /// QMDB `current::ordered` proof: `KeyValueProof` if there is a value, else `ExclusionProof`.
    pub evidence: Bytes,
}

/// What is, or is not, under some keys of the state after one final block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateProof {
    /// In the order of the keys that were asked for.
    pub shown: Vec<Shown>,
    /// The block whose `state_root` all of them lead to.
    pub block: Certified,
}

type Presence = KeyValueProof<mmr::Family, sha256::Digest, sha256::Digest, CHUNK_BYTES>;
type Encoding = VariableEncoding<StateValue>;
type Absence = ExclusionProof<mmr::Family, sha256::Digest, Encoding, sha256::Digest, CHUNK_BYTES>;

/// Checks that `evidence` shows exactly `value` (or absence) under `key` in the state with this root.
pub fn state_evidence_holds(
    root: &Digest,
    key: &StateKey,
    value: Option<&StateValue>,
    evidence: &[u8],
) -> bool {
    let (root, key, evidence) = (to_commonware(*root), database_key(key), Bytes::copy_from_slice(evidence));
    match value {
        Some(value) => Presence::decode_cfg(evidence, &(STATE_PROOF_DIGESTS_MAX, ()))
            .is_ok_and(|proof| proof.verify::<Sha256, Encoding>(key, value.clone(), &root)),
        None => Absence::decode_cfg(evidence, &(STATE_PROOF_DIGESTS_MAX, ((), ()), ()))
            .is_ok_and(|proof| proof.verify::<Sha256>(&key, &root)),
    }
}

/// Reads keys and proves what is under them. Gives the root that the proofs lead to.
///
/// # Panics
/// If the storage fails.
pub(crate) async fn state_evidence<E: Runtime>(db: &StateDb<E>, keys: &[StateKey]) -> (Digest, Vec<Shown>) {
    const FAILED: &str = "proving the state failed";
    let mut shown = Vec::with_capacity(keys.len());
    for key in keys {
        let key = database_key(key);
        let value = db.get(&key).await.expect(FAILED);
        let evidence = match value {
            Some(_) => db.key_value_proof(key).await.expect(FAILED).encode(),
            None => db.exclusion_proof(&key).await.expect(FAILED).encode(),
        };
        shown.push(Shown { value, evidence });
    }
    (crate::block::from_commonware(db.root()), shown)
}
