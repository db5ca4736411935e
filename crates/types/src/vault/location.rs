//! Whether another organisation keeps records of somebody: what the asker has evaluated, what it asks, and the answer
//! (`docs/protocol/location.md`).

use crate::category::Purpose;
use crate::codec::{Bounded, codec_struct, unsigned};
use crate::ids::{NetworkId, OrganisationId};
use crate::namespace;
use commonware_codec::Encode as _;
use salus_crypto::hash::{Digest, hash};
use salus_crypto::sign::{PublicKey, Signature, SigningKey};

/// Tokens of a question, always as many: what is missing is random.
pub const LOCATION_TOKENS: usize = 8;
/// Most elements that are evaluated at once.
pub const LOCATION_ELEMENTS_MAX: usize = 256;

codec_struct! {
    /// To a helper: elements to be evaluated with the key that it has for one holder.
    pub struct LocationBlinded {
        /// The network.
        pub network: NetworkId,
        /// For whose index.
        pub holder: OrganisationId,
        /// Blinded: the helper learns nothing of what they were made of.
        pub elements: Bounded<[u8; 32], LOCATION_ELEMENTS_MAX>,
    }
}

codec_struct! {
    /// What a helper answers.
    pub struct LocationEvaluated {
        /// The public half of the key.
        pub key: [u8; 32],
        /// In the order in which they were asked for.
        pub elements: Bounded<[u8; 32], LOCATION_ELEMENTS_MAX>,
        /// That they were evaluated with that key.
        pub proof: [u8; 64],
    }
}

codec_struct! {
    /// What several attributes of a person became under a helper's key.
    pub secret struct LocationToken {
        /// Of which attributes: for identifiers, of which system too. Two tokens of one group that differ contradict each
        /// other.
        pub group: Digest,
        /// The token, good at one holder alone.
        pub token: Digest,
    }
}

codec_struct! {
    /// Asks whether exactly one person whose records the holder keeps has these tokens, and may be found.
    pub secret struct LocationAsk {
        /// The network.
        pub network: NetworkId,
        /// Who asks.
        pub asker: OrganisationId,
        /// Who is asked; no other answers.
        pub holder: OrganisationId,
        /// With whose key the tokens were made, ...
        pub helper: OrganisationId,
        /// ... and its public half.
        pub helper_key: [u8; 32],
        /// Why: for treatment, or in an emergency.
        pub purpose: Purpose,
        /// Exactly [`LOCATION_TOKENS`].
        pub tokens: Bounded<LocationToken, LOCATION_TOKENS>,
        /// When it was signed, in milliseconds since 1970-01-01 UTC; five minutes either way are accepted.
        pub time_ms: u64,
        /// 16 random bytes; no question is answered twice.
        pub nonce: [u8; 16],
        /// The asker's node key over all that precedes ([`crate::namespace::LOCATION_ASK`]).
        pub signature: Signature,
    }
}

impl LocationAsk {
    /// Signs with the asker's node key; a signature that is there already does not count.
    #[must_use]
    pub fn signed(mut self, key: &SigningKey) -> Self {
        self.signature = key.sign(namespace::LOCATION_ASK, &unsigned(&self));
        self
    }

    /// Whether `key` signed it.
    pub fn is_by(&self, key: &PublicKey) -> bool {
        key.verify(namespace::LOCATION_ASK, &unsigned(self), &self.signature).is_ok()
    }

    /// What an answer names: this question and no other.
    pub fn digest(&self) -> Digest {
        hash("salus/location-ask/v1", &[&self.encode()])
    }
}

codec_struct! {
    /// The answer, of the same length whatever it says. No says nothing: unknown, not sure, or not to be told.
    pub struct LocationAnswer {
        /// The question ([`LocationAsk::digest`]).
        pub ask: Digest,
        /// Whether the holder keeps records of the person.
        pub held: bool,
        /// The holder's node key over all that precedes ([`crate::namespace::LOCATION_ANSWER`]).
        pub signature: Signature,
    }
}

impl LocationAnswer {
    /// Signs with the holder's node key.
    #[must_use]
    pub fn signed(mut self, key: &SigningKey) -> Self {
        self.signature = key.sign(namespace::LOCATION_ANSWER, &unsigned(&self));
        self
    }

    /// Whether it answers this question and `key` signed it.
    pub fn answers(&self, ask: &LocationAsk, key: &PublicKey) -> bool {
        let signed = key.verify(namespace::LOCATION_ANSWER, &unsigned(self), &self.signature).is_ok();
        self.ask == ask.digest() && signed
    }
}
