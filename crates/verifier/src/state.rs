//! What is, or is not, under a key of the ledger's state: `docs/protocol/state-proofs.md`.
//!
//! The state is a log of operations, each of which names a key, its value, and the next key in order. A proof shows one
//! operation, that it is the newest of its key (a bit says so), and leads both to the state root of a header: of the
//! key itself if there is a value; of the key before it, whose next key lies beyond, if there is none.

mod tree;

use commonware_codec::varint::UInt;
use commonware_codec::{Copying, Error, RangeCfg, Read, Write as _};
use salus_types::Digest;
use salus_types::state::{StateKey, StateValue};
use tree::Path;

/// Operations whose bits make one chunk.
const CHUNK_BITS: u64 = 256;
const CHUNK_BYTES: usize = 32;

/// Most digests in a proof: one per level of the tree, with room for its peaks.
const DIGESTS_MAX: usize = 256;

/// Tags of operations in the log.
const UPDATE: u8 = 0xd2;
const COMMIT: u8 = 0xd3;

/// Why a proof does not show what is under a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StateError {
    /// The bytes are not a proof.
    #[error("the proof of the state is malformed")]
    Malformed,
    /// The proof of absence is about other keys.
    #[error("the proof is about other keys")]
    OtherKey,
    /// The operation is not the newest of its key.
    #[error("the proof shows an entry that was replaced")]
    Replaced,
    /// The digests do not lead to the root.
    #[error("the proof does not lead to the state root")]
    Root,
}

/// One operation and the way from it to the root.
struct Operation {
    location: u64,
    chunk: [u8; CHUNK_BYTES],
    path: Path,
    partial: Option<Digest>,
    log_root: Digest,
}

/// Checks that in the state with this root exactly `value` is under `key`, or nothing.
///
/// # Errors
/// [`StateError`], naming the first check that fails.
pub fn verify_state(
    root: &Digest,
    key: &StateKey,
    value: Option<&[u8]>,
    proof: &[u8],
) -> Result<(), StateError> {
    let mut rest = Copying(proof);
    let shown = match value {
        Some(value) => read_presence(&mut rest, key, value),
        None => read_absence(&mut rest, key),
    };
    let (operation, encoded) = shown.map_err(|_| StateError::Malformed)?.ok_or(StateError::OtherKey)?;
    if !rest.0.is_empty() {
        return Err(StateError::Malformed);
    }
    operation.verify(&encoded, root)
}

type Shown = Result<Option<(Operation, Vec<u8>)>, Error>;

fn read_presence(proof: &mut Copying<'_>, key: &StateKey, value: &[u8]) -> Shown {
    let operation = Operation::read(proof)?;
    let next = digest(proof)?;
    let value = StateValue::new(value.to_vec()).map_err(|_| Error::Invalid("state", "value"))?;
    Ok(Some((operation, update(&key.0, &value, &next))))
}

fn read_absence(proof: &mut Copying<'_>, key: &StateKey) -> Shown {
    let kind = u8::read_cfg(proof, &())?;
    let operation = Operation::read(proof)?;
    match kind {
        // Two neighbours, between which the key lies.
        0 => {
            let (before, value, next) = (digest(proof)?, StateValue::read_cfg(proof, &())?, digest(proof)?);
            let between = before != key.0 && lies_between(&before, &next, &key.0);
            Ok(between.then(|| (operation, update(&before, &value, &next))))
        }
        // An empty state: the last commit says that nothing before it counts.
        1 => {
            let metadata = Option::<StateValue>::read_cfg(proof, &())?;
            let mut encoded = vec![COMMIT];
            metadata.write(&mut encoded);
            UInt(operation.location).write(&mut encoded);
            Ok(Some((operation, encoded)))
        }
        other => Err(Error::InvalidEnum(other)),
    }
}

/// Whether `key` is in `from..to`, which runs over the end of all keys to their beginning if `to` is not after `from`.
fn lies_between(from: &Digest, to: &Digest, key: &Digest) -> bool {
    if from < to { from <= key && key < to } else { from <= key || key < to }
}

fn update(key: &Digest, value: &StateValue, next: &Digest) -> Vec<u8> {
    let mut encoded = vec![UPDATE];
    key.write(&mut encoded);
    value.write(&mut encoded);
    next.write(&mut encoded);
    encoded
}

fn digest(proof: &mut Copying<'_>) -> Result<Digest, Error> {
    Digest::read_cfg(proof, &())
}

fn number(proof: &mut Copying<'_>) -> Result<u64, Error> {
    Ok(UInt::<u64>::read_cfg(proof, &())?.0)
}

impl Operation {
    fn read(proof: &mut Copying<'_>) -> Result<Self, Error> {
        let location = number(proof)?;
        let chunk = <[u8; CHUNK_BYTES]>::read_cfg(proof, &())?;
        let (leaves, inactive) = (number(proof)?, number(proof)?);
        let digests = Vec::read_cfg(proof, &(RangeCfg::from(0..=DIGESTS_MAX), ()))?;
        let partial = Option::<Digest>::read_cfg(proof, &())?;
        let log_root = digest(proof)?;
        Ok(Self { location, chunk, path: Path { leaves, inactive, digests }, partial, log_root })
    }

    fn verify(&self, encoded: &[u8], root: &Digest) -> Result<(), StateError> {
        let bit = self.location % CHUNK_BITS;
        let byte = self.chunk[usize::try_from(bit / 8).map_err(|_| StateError::Malformed)?];
        if byte & (1 << (bit % 8)) == 0 {
            return Err(StateError::Replaced);
        }
        let (open, open_bits) = (self.path.leaves / CHUNK_BITS, self.path.leaves % CHUNK_BITS);
        if self.partial.is_some() != (open_bits != 0) {
            return Err(StateError::Root);
        }
        let in_open_chunk = self.location / CHUNK_BITS == open;
        if in_open_chunk && self.partial != Some(tree::hash(&[&self.chunk])) {
            return Err(StateError::Root);
        }
        let grafted = self.path.root(self.location, encoded, &self.chunk).ok_or(StateError::Root)?;
        let open_bits = open_bits.to_be_bytes();
        let found = match &self.partial {
            Some(partial) => {
                tree::hash(&[self.log_root.as_ref(), grafted.as_ref(), &open_bits, partial.as_ref()])
            }
            None => tree::hash(&[self.log_root.as_ref(), grafted.as_ref()]),
        };
        if found == *root { Ok(()) } else { Err(StateError::Root) }
    }
}

#[cfg(test)]
mod tests;
