//! Moving and checking custody: a source asks for what it sealed, has the rest destroyed, and keeps receipts.

use super::request::{ReleasedShare, SHARES_PER_RELEASE_MAX, VERSIONS_PER_REQUEST_MAX};
use crate::codec::{Bounded, codec_enum, codec_struct, unsigned};
use crate::ids::{NetworkId, OrganisationId, VersionId};
use crate::namespace;
use commonware_codec::Encode;
use salus_crypto::sign::{PublicKey, Signature, SigningKey};

codec_enum! {
    /// What a source asks of a custodian about one of its own batches.
    pub enum SourceAsk {
        /// Its shares of a generation: answered by a [`super::Release`] of [`GivenBack`] without packages.
        Shares = 1 => "shares",
        /// Shares and packages: answered by a [`super::Release`] of [`GivenBack`].
        Release = 2 => "release",
        /// To destroy every generation below one: answered by [`Destroyed`].
        Destroy = 3 => "destroy",
    }
}

codec_struct! {
    /// A source's request before it is signed.
    pub struct SourceRequestBody {
        /// The network.
        pub network: NetworkId,
        /// The source, whose node key signs.
        pub source: OrganisationId,
        /// The custodian asked; it answers no request meant for another.
        pub audience: OrganisationId,
        /// What is asked.
        pub ask: SourceAsk,
        /// The batch.
        pub sequence: u64,
        /// The generation whose shares are wanted, or below which everything is to be destroyed.
        pub generation: u32,
        /// When it was signed, in milliseconds since 1970-01-01 UTC; five minutes either way are accepted.
        pub time_ms: u64,
        /// 16 random bytes; no request is answered twice.
        pub nonce: [u8; 16],
        /// The versions asked for; none where something is to be destroyed.
        pub versions: Bounded<VersionId, VERSIONS_PER_REQUEST_MAX>,
    }
}

codec_struct! {
    /// A source's request, signed with its node key ([`crate::namespace::SOURCE_REQUEST`]).
    pub struct SourceRequest {
        /// The request.
        pub body: SourceRequestBody,
        /// Over the body's encoding.
        pub signature: Signature,
    }
}

impl SourceRequest {
    /// Signs `body` with the source's node key.
    pub fn sign(body: SourceRequestBody, key: &SigningKey) -> Self {
        let signature = key.sign(namespace::SOURCE_REQUEST, &body.encode());
        Self { body, signature }
    }

    /// Whether `key` signed it.
    pub fn is_by(&self, key: &PublicKey) -> bool {
        key.verify(namespace::SOURCE_REQUEST, &self.body.encode(), &self.signature).is_ok()
    }
}

/// Most damaged batches that a custodian names in one answer; it names the rest in the next ones.
pub const DAMAGED_PER_ANSWER_MAX: usize = 64;

codec_struct! {
    /// A batch of which a custodian's copy is not whole.
    pub struct DamagedBatch {
        /// The batch.
        pub sequence: u64,
        /// Which of its generations.
        pub generation: u32,
    }
}

codec_struct! {
    /// What a custodian gives back to a source, sealed to it ([`crate::label::HPKE_GIVE_BACK`]). It names the request's
    /// nonce, so that no answer stands for another.
    pub secret struct GivenBack {
        /// The nonce of the request.
        pub nonce: [u8; 16],
        /// The newest generation of the batch that the custodian holds, if it holds any.
        pub newest: Option<u32>,
        /// Batches of this source that the custodian has found damaged in its own store.
        pub damaged: Bounded<DamagedBatch, DAMAGED_PER_ANSWER_MAX>,
        /// The shares asked for, as far as they are here and whole.
        pub shares: Bounded<ReleasedShare, SHARES_PER_RELEASE_MAX>,
    }
}

codec_struct! {
    /// A custodian's word that it keeps nothing of a batch below a generation any more, and will take nothing of it
    /// again: neither packages nor shares.
    pub struct Destroyed {
        /// The network.
        pub network: NetworkId,
        /// Who destroyed.
        pub custodian: OrganisationId,
        /// Whose batch.
        pub source: OrganisationId,
        /// The batch.
        pub sequence: u64,
        /// The first generation that is not meant.
        pub generation: u32,
        /// When, by the custodian's clock, in milliseconds since 1970-01-01 UTC.
        pub time_ms: u64,
        /// The custodian's node key over all that precedes ([`crate::namespace::DESTROYED`]).
        pub signature: Signature,
    }
}

impl Destroyed {
    /// Signs with the custodian's node key; a signature that is there already does not count.
    #[must_use]
    pub fn signed(mut self, key: &SigningKey) -> Self {
        self.signature = key.sign(namespace::DESTROYED, &unsigned(&self));
        self
    }

    /// Whether `key` signed it.
    pub fn is_by(&self, key: &PublicKey) -> bool {
        key.verify(namespace::DESTROYED, &unsigned(self), &self.signature).is_ok()
    }
}
