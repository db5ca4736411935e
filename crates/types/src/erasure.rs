//! Erasure: on which ground, within which time, and what its orders commit to.

use crate::action::OrderErasure;
use crate::codec::codec_enum;
use crate::ids::{ErasureId, VersionId};
use commonware_codec::Encode;
use salus_crypto::hash::{Digest, hash};
use salus_crypto::merkle;

/// Most versions in one order.
pub const ERASED_VERSIONS_MAX: usize = 4_096;
/// When receipts are due, in milliseconds after the order: thirty days (GDPR 12(3): one month).
pub const ERASURE_RECEIPTS_MS: u64 = 30 * 24 * 3_600 * 1_000;

codec_enum! {
    /// Why records are erased: GDPR 17(1), by its letters.
    pub enum ErasureGround {
        /// They are not needed any more: the time for which they were to be kept is over (a).
        RetentionOver = 1 => "retention-over",
        /// The person asked for it, and nothing obliges to keep them (b, c).
        PatientRequest = 2 => "patient-request",
        /// They should never have been kept: of somebody else, or without a ground (d).
        Unlawful = 3 => "unlawful",
        /// A court or a law orders it (e).
        LegalObligation = 4 => "legal-obligation",
    }
}

/// Commits to the versions that an order erases, which are to be in ascending order. The salt keeps the ledger from
/// linking an order to an access event over the same versions.
pub fn erased_root(salt: &[u8; 32], versions: &[VersionId]) -> Digest {
    let leaf = |version: &VersionId| hash("salus/erased-version/v1", &[salt, version.as_bytes()]);
    merkle::root(&versions.iter().map(leaf).collect::<Vec<_>>())
}

impl OrderErasure {
    /// The order's id; known before it is signed.
    pub fn id(&self) -> ErasureId {
        ErasureId(hash("salus/erasure/v1", &[&self.encode()]))
    }
}
