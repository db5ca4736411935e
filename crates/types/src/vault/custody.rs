//! What a source hands to a custodian: packages, shares and the leaves of the batch they belong to.

use super::compartment::LINK_KEY_LENGTH;
use super::package::SealedPackage;
use crate::codec::{Bounded, codec_struct};
use crate::ids::{NetworkId, OrganisationId};
use salus_crypto::hash::Digest;
use salus_crypto::sign::Signature;

/// Most versions in a batch.
pub const ITEMS_PER_BATCH_MAX: usize = 4_096;

codec_struct! {
    /// A link key between two organisations: one X-Wing exchange a day.
    pub struct OrganisationLink {
        /// The network.
        pub network: NetworkId,
        /// Who made it.
        pub from: OrganisationId,
        /// Whose key it is encapsulated to.
        pub to: OrganisationId,
        /// Days since 1970-01-01 UTC.
        pub day: u32,
        /// X-Wing encapsulation; the link key is exported from it.
        pub encapsulation: Bounded<u8, LINK_KEY_LENGTH>,
    }
}

codec_struct! {
    /// One version for one custodian.
    pub struct CustodyItem {
        /// Its place in the batch.
        pub leaf: u32,
        /// The sealed package.
        pub package: SealedPackage,
        /// The Shamir coordinate of this custodian's share: `3 (generation mod 85) + place`, place from 1 to 3. So
        /// shares of two generations never look alike.
        pub share_index: u8,
        /// Hashes of all shares of `S`, by place: a bad share is attributed to who gave it.
        pub share_commitments: [Digest; 3],
        /// The share (32 bytes) under AES-256-GCM with `HKDF(link key, info = version)`, nonce 0, aad =
        /// version id.
        pub sealed_share: [u8; 48],
    }
}

codec_struct! {
    /// A batch on its way from its source to one custodian.
    pub struct CustodyBatchBody {
        /// The link that seals the shares, signed here together with the rest.
        pub link: OrganisationLink,
        /// Number of the batch; it becomes the anchor's sequence.
        pub sequence: u64,
        /// How often the shares of `S` were made anew, from 0. The leaves are the same in each.
        pub generation: u32,
        /// The generation before, which stays beside this one until the source has it destroyed; all others go. Below
        /// `generation`, but for 0.
        pub base: u32,
        /// Every leaf of the batch in order, dummies included; their RFC 9162 root is anchored.
        pub leaves: Bounded<Digest, ITEMS_PER_BATCH_MAX>,
        /// The versions of which this custodian keeps a share.
        pub items: Bounded<CustodyItem, ITEMS_PER_BATCH_MAX>,
    }
}

codec_struct! {
    /// A batch and the source's signature over it ([`crate::namespace::CUSTODY_BATCH`]).
    pub struct CustodyBatch {
        /// The batch.
        pub body: CustodyBatchBody,
        /// Over SHA-256 of the body's encoding.
        pub signature: Signature,
    }
}
