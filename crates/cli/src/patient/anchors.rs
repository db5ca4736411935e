//! The anchors of the own records' batches: each is fetched and checked once, however many records it covers.

use super::Session;
use anyhow::ensure;
use salus_types::proof::{ANCHORS_PER_PROOF_MAX, AnchorProof, AnchorProofs, BatchId, CertifiedHeader};
use salus_vault::combine::{AnchoredRoot, Collected, Roots};
use salus_verifier::{VerifiedAnchor, verify_anchors};
use std::collections::{BTreeSet, HashMap};

/// An anchor as the portal gave it.
pub(super) struct Anchor {
    pub(super) proof: AnchorProof,
    pub(super) block: CertifiedHeader,
    /// `None` if what the portal gave does not hold.
    pub(super) verified: Option<VerifiedAnchor>,
}

/// By batch.
pub(super) type Anchors = HashMap<BatchId, Anchor>;

impl Session {
    /// Fetches and checks the anchors of the batches that the packages name and that are not among `anchors` yet.
    pub(super) async fn fetch_anchors(
        &mut self,
        collected: &Collected,
        anchors: &mut Anchors,
    ) -> anyhow::Result<()> {
        let batches = collected.batches().map(|(organisation, sequence)| BatchId { organisation, sequence });
        let new: BTreeSet<_> = batches.filter(|batch| !anchors.contains_key(batch)).collect();
        let new: Vec<_> = new.into_iter().collect();
        for page in new.chunks(ANCHORS_PER_PROOF_MAX) {
            let proofs = self.relay.anchors(page).await?;
            // The block is the newest one: an epoch may have ended since the members were asked for.
            let epoch = proofs.block.headers.last().map_or(0, |header| header.epoch);
            self.members.reach(&self.node, epoch).await?;
            let verified = verify_anchors(&self.members.validators, &proofs).unwrap_or_default();
            let AnchorProofs { anchors: proven, block } = proofs;
            let mut verified = verified.into_iter();
            for proof in proven.into_inner() {
                let (block, verified) = (block.clone(), verified.next());
                // What is known already stays, whatever else the portal adds.
                anchors.entry(proof.batch.clone()).or_insert(Anchor { proof, block, verified });
            }
            ensure!(
                page.iter().all(|batch| anchors.contains_key(batch)),
                "the portal lacks anchors; try again later"
            );
        }
        Ok(())
    }
}

/// The roots that packages must lie under.
pub(super) fn roots(anchors: &Anchors) -> Roots {
    let root = |(batch, anchor): (&BatchId, &Anchor)| {
        let entry = &anchor.proof.entry;
        let root = AnchoredRoot { root: entry.batch_root, size_class: entry.size_class };
        ((batch.organisation.clone(), batch.sequence), root)
    };
    anchors.iter().map(root).collect()
}
