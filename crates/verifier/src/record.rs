//! Record proofs: this version, unchanged, in a batch that this organisation anchored.

use crate::anchor::{AnchorError, VerifiedAnchor, verify_anchor};
use crate::validators::Validators;
use salus_crypto::hash::sha256;
use salus_crypto::merkle::leaf_hash;
use salus_types::proof::RecordProof;
use salus_types::vault::{SUITE_1, batch_size, package_digest, record_commitment};
use salus_types::{Digest, OrganisationId};

/// Why a record proof fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// The anchor is not shown to be on the ledger.
    #[error(transparent)]
    Anchor(#[from] AnchorError),
    /// The anchor at hand is not the proof's.
    #[error("the proof is of another batch, or of another anchor")]
    OtherAnchor,
    /// The package names a suite that this program does not know.
    #[error("the record is sealed in an unknown way")]
    Suite,
    /// The record is not in the anchored batch.
    #[error("the record is not in the anchored batch")]
    NotInBatch,
    /// The record's text is not what was anchored.
    #[error("the record's text differs from what was anchored")]
    Text,
}

/// What a record proof shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedRecord {
    /// The organisation that committed to the record, by the short name that it had then.
    pub source: OrganisationId,
    /// Height of the block in which it did.
    pub height: u64,
    /// Time of that block in milliseconds since 1970-01-01 UTC.
    pub time_ms: u64,
    /// Height of the block whose certificate vouches for all this.
    pub certified_height: u64,
    /// SHA-256 of the exact bytes of the record.
    pub plaintext_digest: Digest,
}

/// Checks a record proof; `text` is the record's exact text, if it is at hand.
///
/// # Errors
/// [`RecordError`], naming the first check that fails.
pub fn verify_record(
    validators: &Validators,
    proof: &RecordProof,
    text: Option<&str>,
) -> Result<VerifiedRecord, RecordError> {
    check_text(proof, text)?;
    let anchor = verify_anchor(validators, &proof.anchor, &proof.block)?;
    verify_in_batch(&anchor, proof)
}

/// Checks a record proof under an anchor that was verified before: for many records of few batches.
///
/// # Errors
/// [`RecordError`], naming the first check that fails.
pub fn verify_anchored_record(
    anchor: &VerifiedAnchor,
    proof: &RecordProof,
    text: Option<&str>,
) -> Result<VerifiedRecord, RecordError> {
    check_text(proof, text)?;
    if (anchor.batch(), anchor.entry()) != (&proof.anchor.batch, &proof.anchor.entry) {
        return Err(RecordError::OtherAnchor);
    }
    verify_in_batch(anchor, proof)
}

fn check_text(proof: &RecordProof, text: Option<&str>) -> Result<(), RecordError> {
    let differs = text.is_some_and(|text| sha256(text.as_bytes()) != proof.plaintext_digest);
    if differs { Err(RecordError::Text) } else { Ok(()) }
}

fn verify_in_batch(anchor: &VerifiedAnchor, proof: &RecordProof) -> Result<VerifiedRecord, RecordError> {
    if proof.package.suite != SUITE_1 {
        return Err(RecordError::Suite);
    }
    let entry = anchor.entry();
    let package = package_digest(&proof.package, &proof.ciphertext_digest);
    let leaf = record_commitment(&proof.r, &package, &proof.plaintext_digest);
    if Some(proof.batch_path.size) != batch_size(entry.size_class).map(|size| size as u64) {
        return Err(RecordError::NotInBatch);
    }
    proof.batch_path.verify(&leaf_hash(leaf), &entry.batch_root).map_err(|_| RecordError::NotInBatch)?;
    Ok(VerifiedRecord {
        source: anchor.batch().organisation.clone(),
        height: entry.height,
        time_ms: entry.time_ms,
        certified_height: anchor.certified_height(),
        plaintext_digest: proof.plaintext_digest,
    })
}
