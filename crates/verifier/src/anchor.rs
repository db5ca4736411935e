//! Anchors in the state after a final block.
//!
//! The key under which an anchor stands is made of its organisation and number. The contract takes an anchor only from
//! the organisation that it names, by the node key that this one has then, and never changes or removes it. So whoever
//! certifies a state vouches for each anchor in it, however long ago it was: whose it is, over which root, in which
//! block and when.
//!
//! What is not shown: the signature of the organisation itself; and that whoever bears its short name now is the one
//! that bore it then, because members give short names by vote.

use crate::certificate::CertificateError;
use crate::chain::verify_certified_header;
use crate::state::{StateError, verify_state};
use crate::validators::Validators;
use commonware_codec::Encode as _;
use salus_types::block::Header;
use salus_types::proof::{AnchorProof, AnchorProofs, BatchId, CertifiedHeader};
use salus_types::state::AnchorEntry;

/// Why an anchor is not shown to be on the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AnchorError {
    /// The block is not shown to be final.
    #[error(transparent)]
    Block(#[from] CertificateError),
    /// The state did not hold this anchor.
    #[error(transparent)]
    State(#[from] StateError),
}

/// An anchor that stood in the state after a final block. Only [`verify_anchors`] makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedAnchor {
    batch: BatchId,
    entry: AnchorEntry,
    certified_height: u64,
}

impl VerifiedAnchor {
    /// The batch, and with it the organisation that anchored it.
    pub fn batch(&self) -> &BatchId {
        &self.batch
    }

    /// The root, and when it was anchored.
    pub fn entry(&self) -> &AnchorEntry {
        &self.entry
    }

    /// Height of the block whose certificate vouches for it; not less than that of the anchor.
    pub fn certified_height(&self) -> u64 {
        self.certified_height
    }
}

/// Checks anchors in the state after a block that the validators finalised: the certificate once, then each anchor.
///
/// # Errors
/// [`AnchorError`] of the first check that fails; then none of them counts.
pub fn verify_anchors(
    validators: &Validators,
    proofs: &AnchorProofs,
) -> Result<Vec<VerifiedAnchor>, AnchorError> {
    let header = verify_certified_header(validators, &proofs.block)?;
    proofs.anchors.iter().map(|anchor| Ok(in_state(header, anchor)?)).collect()
}

/// The same for one anchor.
pub(crate) fn verify_anchor(
    validators: &Validators,
    anchor: &AnchorProof,
    block: &CertifiedHeader,
) -> Result<VerifiedAnchor, AnchorError> {
    Ok(in_state(verify_certified_header(validators, block)?, anchor)?)
}

fn in_state(header: &Header, anchor: &AnchorProof) -> Result<VerifiedAnchor, StateError> {
    let AnchorProof { batch, entry, proof } = anchor;
    verify_state(&header.state_root, &batch.key(), Some(&entry.encode()), proof)?;
    Ok(VerifiedAnchor { batch: batch.clone(), entry: entry.clone(), certified_height: header.height })
}
