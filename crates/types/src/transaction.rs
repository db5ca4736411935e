//! Transactions: an action, the key that asks for it, and how long it may wait.

use crate::action::Action;
use crate::codec::codec_struct;
use crate::ids::{NetworkId, TransactionId};
use crate::namespace;
use commonware_codec::{Encode, EncodeSize, Write};
use salus_crypto::hash::hash;
use salus_crypto::sign::{PublicKey, Signature, SigningKey};

/// Largest encoded transaction in bytes: a proposal that admits an organisation, with its X-Wing key and its texts.
pub const TRANSACTION_BYTES_MAX: usize = 3_072;

codec_struct! {
    /// A signed request to the ledger. Every action creates a state entry of its own that cannot be created
    /// twice, so a replayed transaction is refused without sequence numbers.
    pub struct Transaction {
        /// The network for which it was signed.
        pub network: NetworkId,
        /// The key that signs: an organisation's node key, or a grant's one-time key.
        pub signer: PublicKey,
        /// Last height at which it may be included.
        pub valid_until: u64,
        /// What is asked.
        pub action: Action,
        /// Ed25519 (ZIP-215) over all that precedes, under [`namespace::TRANSACTION`].
        pub signature: Signature,
    }
}

impl Transaction {
    /// Signs `action`.
    pub fn sign(network: NetworkId, key: &SigningKey, valid_until: u64, action: impl Into<Action>) -> Self {
        let (signer, action) = (key.public(), action.into());
        let message = signed_bytes(&network, &signer, valid_until, &action);
        let signature = key.sign(namespace::TRANSACTION, &message);
        Self { network, signer, valid_until, action, signature }
    }

    /// The bytes under the signature.
    pub fn message(&self) -> Vec<u8> {
        signed_bytes(&self.network, &self.signer, self.valid_until, &self.action)
    }

    /// The transaction's id.
    pub fn id(&self) -> TransactionId {
        TransactionId(hash("salus/transaction-id/v1", &[&self.encode()]))
    }
}

fn signed_bytes(network: &NetworkId, signer: &PublicKey, valid_until: u64, action: &Action) -> Vec<u8> {
    let mut message = Vec::with_capacity(72 + action.encode_size());
    network.write(&mut message);
    signer.write(&mut message);
    valid_until.write(&mut message);
    action.write(&mut message);
    message
}
