//! Blocks, headers and receipts.

use crate::codec::{Bounded, codec_struct};
use crate::ids::{NetworkId, TransactionId};
use crate::state::StateKey;
use crate::transaction::Transaction;
use commonware_codec::Encode;
use salus_crypto::hash::{Digest, hash};
use salus_crypto::merkle;
use salus_crypto::sign::PublicKey;

/// Most transactions in any block, whatever the parameters say.
pub const BLOCK_TRANSACTIONS_MAX: usize = 8_192;

/// Version of the header's format, its first byte.
pub const HEADER_VERSION: u8 = 1;

codec_struct! {
    /// A block's header: all fields of fixed size, so that a light client decodes it by offsets.
    pub struct Header {
        /// [`HEADER_VERSION`].
        pub version: u8,
        /// The network.
        pub network: NetworkId,
        /// Height; genesis is 0.
        pub height: u64,
        /// Time in milliseconds since 1970-01-01 UTC, strictly above the parent's.
        pub time_ms: u64,
        /// Digest of the parent's header.
        pub parent: Digest,
        /// Epoch of the validator set.
        pub epoch: u64,
        /// View of the consensus in which it was proposed.
        pub view: u64,
        /// View of the parent.
        pub parent_view: u64,
        /// The proposer.
        pub leader: PublicKey,
        /// RFC 9162 root over the encoded transactions.
        pub transactions_root: Digest,
        /// Number of transactions.
        pub transactions: u32,
        /// RFC 9162 root over the encoded receipts.
        pub receipts_root: Digest,
        /// Root of the authenticated state after this block, for proofs of presence and absence.
        pub state_root: Digest,
        /// Root of the state's operation log after this block: the target of state sync.
        pub sync_root: Digest,
        /// First location of the operation log that state sync needs.
        pub sync_start: u64,
        /// End of the operation log after this block.
        pub sync_end: u64,
        /// Hash of the next validator set in the last block of an epoch, else zero.
        pub next_validators: Digest,
    }
}

impl Header {
    /// Length of the encoding in bytes.
    pub const LENGTH: usize = 1 + 32 + 8 + 8 + 32 + 8 + 8 + 8 + 32 + 32 + 4 + 32 + 32 + 32 + 8 + 8 + 32;

    /// What the validators sign.
    pub fn digest(&self) -> Digest {
        hash("salus/header/v1", &[&self.encode()])
    }
}

codec_struct! {
    /// A block.
    pub struct Block {
        /// The header.
        pub header: Header,
        /// The transactions, all of which apply: a block with one that does not is invalid.
        pub transactions: Bounded<Transaction, BLOCK_TRANSACTIONS_MAX>,
    }
}

codec_struct! {
    /// What a transaction did.
    pub struct Receipt {
        /// The transaction.
        pub transaction: TransactionId,
        /// The state entry that it created or changed, to look up or to prove.
        pub entry: StateKey,
    }
}

/// RFC 9162 root over encodings.
pub fn list_root<T: Encode>(items: &[T]) -> Digest {
    merkle::root_of_leaf_hashes(&leaf_hashes(items))
}

/// RFC 9162 leaf hashes over encodings.
pub fn leaf_hashes<T: Encode>(items: &[T]) -> Vec<Digest> {
    let mut buffer = Vec::new();
    items
        .iter()
        .map(|item| {
            buffer.clear();
            item.write(&mut buffer);
            merkle::leaf_hash(&buffer)
        })
        .collect()
}
