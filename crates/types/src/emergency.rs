//! Emergency access: why, for how long, and what its events commit to.

use crate::action::BreakGlass;
use crate::codec::codec_enum;
use crate::ids::{CompartmentId, EmergencyId, OrganisationId};
use commonware_codec::Encode;
use salus_crypto::hash::{Digest, hash};

/// How long an emergency lasts, in milliseconds: four hours.
pub const EMERGENCY_ACCESS_MS: u64 = 4 * 3_600 * 1_000;
/// When its review is due, in milliseconds after the event: 72 hours.
pub const EMERGENCY_REVIEW_MS: u64 = 72 * 3_600 * 1_000;
/// Most holders of an emergency key's shares.
pub const EMERGENCY_HOLDERS_MAX: usize = 5;

codec_enum! {
    /// Why nobody could be asked.
    pub enum EmergencyGround {
        /// The person is unconscious.
        Unconscious = 1 => "unconscious",
        /// The person is awake and cannot consent.
        CannotConsent = 2 => "cannot-consent",
        /// Waiting would put life or health in danger.
        ImmediateDanger = 3 => "immediate-danger",
        /// Another ground, which the words of the statement give.
        Other = 4 => "other",
    }
}

/// Shares of `holders` that open an emergency summary: more than half.
pub fn emergency_threshold(holders: usize) -> usize {
    holders / 2 + 1
}

/// Commits to whose summary is opened. The salt is new for each event, so that the ledger links no two of one patient.
pub fn emergency_target(salt: &[u8; 32], source: &OrganisationId, compartment: &CompartmentId) -> Digest {
    hash("salus/emergency-target/v1", &[salt, source.as_str().as_bytes(), compartment.as_bytes()])
}

/// Commits to the words of a statement or of a review.
pub fn words_commitment(salt: &[u8; 32], words: &str) -> Digest {
    hash("salus/emergency-words/v1", &[salt, words.as_bytes()])
}

impl BreakGlass {
    /// The event's id; known before it is signed.
    pub fn id(&self) -> EmergencyId {
        EmergencyId(hash("salus/emergency/v1", &[&self.encode()]))
    }
}
