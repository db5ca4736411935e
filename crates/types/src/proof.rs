//! Record proofs: this version, unchanged, anchored by this organisation; and what leads from one set of validators to
//! the next.

use crate::block::Header;
use crate::codec::{Bounded, codec_struct};
use crate::genesis::ORGANISATIONS_MAX;
use crate::ids::{NetworkId, OrganisationId};
use crate::state::{AnchorEntry, StateKey, key};
use crate::vault::PackageHeader;
use salus_crypto::hash::Digest;
use salus_crypto::merkle::InclusionProof;
use salus_crypto::sign::PublicKey;

/// Largest finality certificate in bytes.
pub const CERTIFICATE_BYTES_MAX: usize = 32 * 1024;

/// Most headers between a block and the certificate that finalises it.
pub const HEADERS_TO_CERTIFICATE_MAX: usize = 256;

codec_struct! {
    /// A block header with the certificate that finalises it. Finalising a block finalises its ancestors, so
    /// the certificate may be a few blocks later: `headers[0]` is the block, each further header names the
    /// one before as its parent, and the last is certified.
    pub struct CertifiedHeader {
        /// From the block to the certified block; at least one.
        pub headers: Bounded<Header, HEADERS_TO_CERTIFICATE_MAX>,
        /// `Finalization` of simplex with ed25519, see `docs/protocol/certificates.md`.
        pub certificate: Bounded<u8, CERTIFICATE_BYTES_MAX>,
    }
}

impl CertifiedHeader {
    /// The block's own header.
    pub fn header(&self) -> Option<&Header> {
        self.headers.first()
    }
}

/// Most changes of the validators that a proof spans.
pub const HANDOVERS_MAX: usize = 4_096;

codec_struct! {
    /// A change of the validators: the last block of an epoch, certified by those of that epoch, whose header commits
    /// to those of the next.
    pub struct Handover {
        /// The last block of the epoch, with its certificate.
        pub block: CertifiedHeader,
        /// Node keys of the next epoch's validators, ascending; [`crate::membership::validators_hash`] is the header's
        /// `next_validators`.
        pub validators: Bounded<PublicKey, ORGANISATIONS_MAX>,
    }
}

codec_struct! {
    /// A block from which on a verifier trusts, instead of from genesis: who voted in its epoch. It says nothing of
    /// earlier epochs.
    pub struct Checkpoint {
        /// The network.
        pub network: NetworkId,
        /// Epoch of the block.
        pub epoch: u64,
        /// Height of the block.
        pub height: u64,
        /// Digest of its header.
        pub header: Digest,
        /// Node keys of the epoch's validators, ascending.
        pub validators: Bounded<PublicKey, ORGANISATIONS_MAX>,
    }
}

/// Largest proof of a state entry in bytes, see `docs/protocol/state-proofs.md`.
pub const STATE_PROOF_BYTES_MAX: usize = 16 * 1024;

/// Most anchors that are asked for and proven at once.
pub const ANCHORS_PER_PROOF_MAX: usize = 64;

codec_struct! {
    /// A batch of record versions.
    #[derive(Hash, PartialOrd, Ord)]
    pub struct BatchId {
        /// The organisation that sealed and anchored it.
        pub organisation: OrganisationId,
        /// Its number at this organisation.
        pub sequence: u64,
    }
}

impl BatchId {
    /// Where its anchor stands in the state.
    pub fn key(&self) -> StateKey {
        key::anchor(&self.organisation, self.sequence)
    }
}

codec_struct! {
    /// The anchor of a batch, and what shows that it stands in the state after a block. The block is beside it.
    pub struct AnchorProof {
        /// The batch; it makes the key of the state.
        pub batch: BatchId,
        /// What stands there.
        pub entry: AnchorEntry,
        /// Proof of presence, see `docs/protocol/state-proofs.md`.
        pub proof: Bounded<u8, STATE_PROOF_BYTES_MAX>,
    }
}

codec_struct! {
    /// Anchors in the state after one block.
    pub struct AnchorProofs {
        /// The anchors.
        pub anchors: Bounded<AnchorProof, ANCHORS_PER_PROOF_MAX>,
        /// The block whose state holds them. It may be any later than the anchors.
        pub block: CertifiedHeader,
    }
}

codec_struct! {
    /// Everything needed to check one record version without a node. It holds no clinical data.
    pub secret struct RecordProof {
        /// Header of the sealed version.
        pub package: PackageHeader,
        /// SHA-256 of the ciphertext; with the header it gives [`crate::vault::package_digest`].
        pub ciphertext_digest: Digest,
        /// SHA-256 of the exact FHIR bytes.
        pub plaintext_digest: Digest,
        /// The record secret.
        pub r: [u8; 64],
        /// Path from the record's commitment to the batch root.
        pub batch_path: InclusionProof,
        /// The batch's anchor.
        pub anchor: AnchorProof,
        /// The block whose state holds the anchor.
        pub block: CertifiedHeader,
    }
}
