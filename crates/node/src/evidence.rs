//! Evidence of misbehaviour: two votes of one validator that no honest one signs both.
//!
//! The consensus reports it. It is kept on disk, and put on the ledger, where everybody sees it; one piece for each
//! validator and epoch is enough.

use crate::block::from_commonware;
use crate::handle::NodeHandle;
use crate::index::{Index, IndexError};
use crate::runtime::Runtime;
use crate::watched::Watched;
use commonware_actor::Feedback;
use commonware_codec::{Encode, Read};
use commonware_consensus::Reporter;
use commonware_consensus::simplex::scheme::ed25519::Scheme;
use commonware_consensus::simplex::types::{
    Activity, Attributable, ConflictingFinalize, ConflictingNotarize, Finalize, Notarize, Nullify,
    NullifyFinalize, Proposal,
};
use commonware_cryptography::certificate::Attestation;
use commonware_cryptography::{ed25519, sha256};
use commonware_utils::ordered::Set;
use commonware_utils::sync::Mutex;
use salus_types::action::Accuse;
use salus_types::contradiction::{Contradiction, Misdeed, SignedVote};
use salus_types::state::key;
use salus_types::transaction::Transaction;
use salus_types::{PublicKey, Signature, SigningKey};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Most pieces that are kept at once: each is gone from here when it is on the ledger.
pub const EVIDENCE_MAX: usize = 256;
/// Blocks that an accusation may wait for its place before it is made again.
const ACCUSATION_LIFETIME_BLOCKS: u64 = 256;

type Digest = sha256::Digest;

/// One piece of evidence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// Node key of the validator.
    pub validator: PublicKey,
    /// Both votes.
    pub contradiction: Contradiction,
}

/// What is not on the ledger yet, by validator and epoch.
type Pieces = BTreeMap<(PublicKey, u64), Contradiction>;

struct Inner {
    pieces: Mutex<Pieces>,
    /// Counts what came.
    noted: Watched<u64>,
}

/// Keeps evidence; cheap to clone.
#[derive(Clone)]
pub(crate) struct EvidenceBook(Arc<Inner>);

impl EvidenceBook {
    /// The book with what the index kept.
    ///
    /// # Errors
    /// [`IndexError`], if it cannot be read.
    pub(crate) fn open(index: &Index) -> Result<Self, IndexError> {
        let piece = |piece: Evidence| ((piece.validator, piece.contradiction.epoch), piece.contradiction);
        let pieces: Pieces = index.evidence()?.into_iter().map(piece).collect();
        Ok(Self(Arc::new(Inner { pieces: Mutex::new(pieces), noted: Watched::new(0) })))
    }

    /// All pieces that are not on the ledger yet.
    pub(crate) fn all(&self) -> Vec<Evidence> {
        let pieces = self.0.pieces.lock();
        let piece = |((validator, _), contradiction): (&(PublicKey, u64), &Contradiction)| Evidence {
            validator: *validator,
            contradiction: contradiction.clone(),
        };
        pieces.iter().map(piece).collect()
    }

    fn settle(&self, piece: &Evidence) {
        self.0.pieces.lock().remove(&(piece.validator, piece.contradiction.epoch));
    }

    fn note(&self, piece: Evidence) {
        let (validator, misdeed) = (piece.validator, piece.contradiction.misdeed);
        let (epoch, view) = (piece.contradiction.epoch, piece.contradiction.view);
        {
            let mut pieces = self.0.pieces.lock();
            if pieces.len() >= EVIDENCE_MAX || pieces.contains_key(&(validator, epoch)) {
                return;
            }
            pieces.insert((validator, epoch), piece.contradiction);
        }
        tracing::error!(%validator, %misdeed, epoch, view, "a validator contradicts itself");
        self.0.noted.update(|noted| {
            *noted += 1;
            true
        });
    }

    /// Notes what the consensus of an epoch reports.
    pub(crate) fn of(&self, epoch: u64, validators: Set<ed25519::PublicKey>) -> EpochEvidence {
        EpochEvidence { book: self.clone(), epoch, validators }
    }
}

/// Makes evidence durable and puts it on the ledger, as long as the node runs. Others do the same; the first one counts.
pub(crate) async fn put_on_ledger<E: Runtime>(
    context: E,
    node: NodeHandle,
    signing_key: SigningKey,
    index: Index,
    book: EvidenceBook,
) {
    node.opened().await;
    let (mut noted, mut head) = (book.0.noted.follow(), node.watch_head());
    // Height until which the accusation under way may find its place.
    let mut waiting: BTreeMap<(PublicKey, u64), u64> = BTreeMap::new();
    let mut kept = book.all();
    loop {
        let pieces = book.all();
        if pieces != kept {
            index.keep_evidence(context.child("evidence"), pieces.clone()).await;
            kept.clone_from(&pieces);
        }
        if pieces.is_empty() {
            waiting.clear();
            noted.changed().await;
            continue;
        }
        for piece in &pieces {
            let (validator, epoch) = (piece.validator, piece.contradiction.epoch);
            let (known, now) = node.state(key::fault(&validator, epoch)).await;
            if known.is_some() {
                book.settle(piece);
                continue;
            }
            if waiting.get(&(validator, epoch)).is_none_or(|until| *until < now.height)
                && let Some(accusation) = accusation(&node, &signing_key, piece)
            {
                waiting.insert((validator, epoch), accusation.valid_until);
                if let Err(error) = node.submit(accusation).await {
                    tracing::warn!(%validator, epoch, %error, "an accusation is not taken in");
                }
            }
        }
        head.changed().await;
    }
}

/// `None` while this node's organisation is no member.
fn accusation(node: &NodeHandle, signing_key: &SigningKey, piece: &Evidence) -> Option<Transaction> {
    let (epoch, own) = (node.epoch(), signing_key.public());
    let member = epoch.members.iter().find(|entry| entry.organisation.node_key == own)?;
    let action = Accuse {
        organisation: member.organisation.id.clone(),
        validator: piece.validator,
        contradiction: piece.contradiction.clone(),
    };
    let lifetime = ACCUSATION_LIFETIME_BLOCKS.min(epoch.parameters.transaction_lifetime_blocks_max);
    Some(Transaction::sign(node.network(), signing_key, node.head().height + lifetime, action))
}

/// The book during one epoch; certificates name validators by their places in this set.
#[derive(Clone)]
pub(crate) struct EpochEvidence {
    book: EvidenceBook,
    epoch: u64,
    validators: Set<ed25519::PublicKey>,
}

impl EpochEvidence {
    fn note(
        &self,
        signer: commonware_utils::Participant,
        view: u64,
        misdeed: Misdeed,
        votes: Option<[SignedVote; 2]>,
    ) {
        let (Some(validator), Some([first, second])) = (self.validators.get(usize::from(signer)), votes)
        else {
            return;
        };
        let mut key = [0; 32];
        key.copy_from_slice(validator.as_ref());
        let contradiction = Contradiction { misdeed, epoch: self.epoch, view, first, second }.ordered();
        self.book.note(Evidence { validator: PublicKey(key), contradiction });
    }

    fn two_notarizes(&self, pair: &ConflictingNotarize<Scheme, Digest>) {
        let votes = both(pair).and_then(|(first, second): (Notarize<_, _>, Notarize<_, _>)| {
            Some([vote(&first.proposal, &first.attestation)?, vote(&second.proposal, &second.attestation)?])
        });
        self.note(pair.signer(), view(pair), Misdeed::TwoNotarizes, votes);
    }

    fn two_finalizes(&self, pair: &ConflictingFinalize<Scheme, Digest>) {
        let votes = both(pair).and_then(|(first, second): (Finalize<_, _>, Finalize<_, _>)| {
            Some([vote(&first.proposal, &first.attestation)?, vote(&second.proposal, &second.attestation)?])
        });
        self.note(pair.signer(), view(pair), Misdeed::TwoFinalizes, votes);
    }

    fn nullify_and_finalize(&self, pair: &NullifyFinalize<Scheme, Digest>) {
        let votes = both(pair).and_then(|(nullify, finalize): (Nullify<_>, Finalize<_, _>)| {
            let nullify = SignedVote::nullify(signature(&nullify.attestation)?);
            Some([nullify, vote(&finalize.proposal, &finalize.attestation)?])
        });
        self.note(pair.signer(), view(pair), Misdeed::NullifyAndFinalize, votes);
    }
}

fn view(pair: &impl commonware_consensus::Viewable) -> u64 {
    pair.view().get()
}

/// The votes of a pair, whose fields are private: it is encoded as one after the other.
fn both<A: Read<Cfg = ()>, B: Read<Cfg = ()>>(pair: &impl Encode) -> Option<(A, B)> {
    let mut bytes = pair.encode();
    Some((A::read_cfg(&mut bytes, &()).ok()?, B::read_cfg(&mut bytes, &()).ok()?))
}

fn vote(proposal: &Proposal<Digest>, attestation: &Attestation<Scheme>) -> Option<SignedVote> {
    Some(SignedVote {
        parent_view: proposal.parent.get(),
        block: from_commonware(proposal.payload),
        signature: signature(attestation)?,
    })
}

fn signature(attestation: &Attestation<Scheme>) -> Option<Signature> {
    let mut bytes = [0; 64];
    bytes.copy_from_slice(attestation.signature.get()?.as_ref());
    Some(Signature(bytes))
}

impl Reporter for EpochEvidence {
    type Activity = Activity<Scheme, Digest>;

    fn report(&mut self, activity: Self::Activity) -> Feedback {
        match &activity {
            Activity::ConflictingNotarize(pair) => self.two_notarizes(pair),
            Activity::ConflictingFinalize(pair) => self.two_finalizes(pair),
            Activity::NullifyFinalize(pair) => self.nullify_and_finalize(pair),
            _ => {}
        }
        Feedback::Ok
    }
}
