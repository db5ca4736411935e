//! Evidence of misbehaviour: two votes of one validator that no honest one signs both.
//!
//! The consensus reports it; whoever holds both votes can prove it to anybody who knows the validator's key.

use commonware_actor::Feedback;
use commonware_consensus::simplex::scheme::ed25519::Scheme;
use commonware_consensus::simplex::types::{Activity, Attributable};
use commonware_consensus::{Reporter, Viewable};
use commonware_cryptography::{ed25519, sha256};
use commonware_utils::ordered::Set;
use commonware_utils::sync::Mutex;
use salus_types::PublicKey;
use std::sync::Arc;

/// Most pieces that are kept; a validator that misbehaves does so in every view.
pub const EVIDENCE_MAX: usize = 256;

/// What a validator did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Misdeed {
    /// It voted to notarise two blocks of one view.
    TwoNotarizes,
    /// It voted to finalise two blocks of one view.
    TwoFinalizes,
    /// It voted to leave a view and to finalise a block of it.
    NullifyAndFinalize,
}

/// One piece of evidence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// Node key of the validator.
    pub validator: PublicKey,
    /// What it did.
    pub misdeed: Misdeed,
    /// In which epoch.
    pub epoch: u64,
    /// In which view of it.
    pub view: u64,
    /// Both votes with their signatures, in commonware's encoding.
    pub votes: Vec<u8>,
}

/// Keeps evidence; cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct EvidenceBook(Arc<Mutex<Vec<Evidence>>>);

impl EvidenceBook {
    /// All pieces, oldest first.
    pub(crate) fn all(&self) -> Vec<Evidence> {
        self.0.lock().clone()
    }

    /// Notes what the consensus of an epoch reports.
    pub(crate) fn of(&self, epoch: u64, validators: Set<ed25519::PublicKey>) -> EpochEvidence {
        EpochEvidence { book: self.clone(), epoch, validators }
    }
}

/// The book during one epoch; certificates name validators by their places in this set.
#[derive(Clone)]
pub(crate) struct EpochEvidence {
    book: EvidenceBook,
    epoch: u64,
    validators: Set<ed25519::PublicKey>,
}

impl EpochEvidence {
    fn note(&self, misdeed: Misdeed, pair: &(impl Attributable + Viewable + commonware_codec::Encode)) {
        let Some(validator) = self.validators.get(usize::from(pair.signer())) else { return };
        let mut key = [0; 32];
        key.copy_from_slice(validator.as_ref());
        let (validator, epoch, view) = (PublicKey(key), self.epoch, pair.view().get());
        let mut pieces = self.book.0.lock();
        let known = |piece: &Evidence| {
            (piece.validator, piece.epoch, piece.view, piece.misdeed) == (validator, epoch, view, misdeed)
        };
        if pieces.len() >= EVIDENCE_MAX || pieces.iter().any(known) {
            return;
        }
        tracing::error!(%validator, ?misdeed, epoch, view, "a validator contradicts itself");
        pieces.push(Evidence { validator, misdeed, epoch, view, votes: pair.encode().to_vec() });
    }
}

impl Reporter for EpochEvidence {
    type Activity = Activity<Scheme, sha256::Digest>;

    fn report(&mut self, activity: Self::Activity) -> Feedback {
        match &activity {
            Activity::ConflictingNotarize(pair) => self.note(Misdeed::TwoNotarizes, pair),
            Activity::ConflictingFinalize(pair) => self.note(Misdeed::TwoFinalizes, pair),
            Activity::NullifyFinalize(pair) => self.note(Misdeed::NullifyAndFinalize, pair),
            _ => {}
        }
        Feedback::Ok
    }
}
