//! Shares of a patient's root: on their way to an organisation, and what a new device asks of it.

use crate::codec::{Bounded, Text, codec_struct, codec_sum, unsigned};
use crate::ids::{NetworkId, OrganisationId, RecoveryId};
use crate::namespace;
use crate::organisation::KEM_KEY_LENGTH;
use salus_crypto::sign::{PublicKey, Signature, SigningKey};

codec_struct! {
    /// One of three shares of a root, any two of which give it back.
    pub secret struct RecoveryShare {
        /// Under which a recovery at this organisation stands on the ledger.
        pub recovery: RecoveryId,
        /// Number of the key that cancels it, by which a device that has the root again knows that it is the right one.
        pub counter: u32,
        /// Its x coordinate.
        pub index: u8,
        /// Its value.
        pub value: [u8; 32],
    }
}

codec_struct! {
    /// A patient gives a share to an organisation, in place of the one before, or takes that back.
    pub secret struct RecoveryDeposit {
        /// The network.
        pub network: NetworkId,
        /// The organisation meant; no other keeps it.
        pub organisation: OrganisationId,
        /// The pairwise public key of the person there.
        pub patient: PublicKey,
        /// The X-Wing public key to which the answer is sealed.
        pub kem_key: Bounded<u8, KEM_KEY_LENGTH>,
        /// When it was signed, in milliseconds since 1970-01-01 UTC; five minutes either way are accepted.
        pub time_ms: u64,
        /// 16 random bytes; no letter is answered twice.
        pub nonce: [u8; 16],
        /// The share; none takes back the one before.
        pub share: Option<RecoveryShare>,
        /// The pairwise key over all that precedes ([`crate::namespace::RECOVERY`]).
        pub signature: Signature,
    }
}

impl RecoveryDeposit {
    /// Signs with the pairwise key; a signature that is there already does not count.
    #[must_use]
    pub fn signed(mut self, key: &SigningKey) -> Self {
        self.signature = key.sign(namespace::RECOVERY, &unsigned(&self));
        self
    }

    /// Whether the person that it names signed it.
    pub fn is_by_patient(&self) -> bool {
        self.patient.verify(namespace::RECOVERY, &unsigned(self), &self.signature).is_ok()
    }
}

codec_struct! {
    /// A new device asks for its person's share, again and again: the first time begins the recovery, the last time gives
    /// the share.
    pub secret struct RecoveryAsk {
        /// The network.
        pub network: NetworkId,
        /// The organisation meant; no other answers.
        pub organisation: OrganisationId,
        /// The code that the person got at the desk.
        pub code: Text<64>,
        /// The new device's X-Wing public key, made for this recovery. Answers are sealed to it.
        pub kem_key: Bounded<u8, KEM_KEY_LENGTH>,
    }
}

codec_struct! {
    /// A patient puts new pairwise keys at an organisation in the place of the old ones, which may be in other hands.
    pub secret struct Rekey {
        /// The network.
        pub network: NetworkId,
        /// The organisation meant; no other does it.
        pub organisation: OrganisationId,
        /// The pairwise public key that stands.
        pub old: PublicKey,
        /// The one that takes its place.
        pub new: PublicKey,
        /// The X-Wing public key that goes with the new one.
        pub kem_key: Bounded<u8, KEM_KEY_LENGTH>,
        /// When it was signed, in milliseconds since 1970-01-01 UTC; five minutes either way are accepted.
        pub time_ms: u64,
        /// 16 random bytes; no letter is answered twice.
        pub nonce: [u8; 16],
        /// The old key over all that precedes ([`crate::namespace::REKEY`]).
        pub old_signature: Signature,
        /// The new key over all that precedes, the old key's signature among it.
        pub new_signature: Signature,
    }
}

impl Rekey {
    /// Signs with both keys; signatures that are there already do not count.
    #[must_use]
    pub fn signed(mut self, old: &SigningKey, new: &SigningKey) -> Self {
        self.old_signature = old.sign(namespace::REKEY, &self.by_old());
        self.new_signature = new.sign(namespace::REKEY, &unsigned(&self));
        self
    }

    /// Whether both keys that it names signed it.
    pub fn is_by_both(&self) -> bool {
        self.old.verify(namespace::REKEY, &self.by_old(), &self.old_signature).is_ok()
            && self.new.verify(namespace::REKEY, &unsigned(self), &self.new_signature).is_ok()
    }

    fn by_old(&self) -> Vec<u8> {
        let mut message = unsigned(self);
        message.truncate(message.len() - Signature::LEN);
        message
    }
}

codec_sum! {
    /// What is sealed to an organisation about the keys of a patient.
    pub enum RecoveryLetter {
        /// See [`RecoveryDeposit`].
        RecoveryDeposit = 1,
        /// See [`RecoveryAsk`].
        RecoveryAsk = 2,
        /// See [`Rekey`].
        Rekey = 3,
    }
}
