//! Record proofs: this version, unchanged, anchored by this organisation in this block.

use crate::transaction::{TransactionError, VerifiedTransaction, verify_transaction};
use crate::validators::Validators;
use salus_crypto::hash::sha256;
use salus_crypto::merkle::leaf_hash;
use salus_types::action::Action;
use salus_types::proof::RecordProof;
use salus_types::vault::{batch_size, package_digest, record_commitment};
use salus_types::{Digest, OrganisationId};

/// Why a record proof fails.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// The anchor is not shown to be final.
    #[error(transparent)]
    Anchor(#[from] TransactionError),
    /// The transaction is not an anchor.
    #[error("the transaction does not anchor records")]
    NotAnAnchor,
    /// The anchor is not signed by the organisation that it names.
    #[error("the anchor is not signed by the organisation that it names")]
    Signer,
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
    /// The organisation that committed to the record.
    pub source: OrganisationId,
    /// Whether genesis gives the key that signed to this organisation. If not, it has the key since, or there is no
    /// genesis at hand: then it is the ledger's rule that an anchor names the organisation that signs it.
    pub in_genesis: bool,
    /// Where and when.
    pub anchored: VerifiedTransaction,
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
    if text.is_some_and(|text| sha256(text.as_bytes()) != proof.plaintext_digest) {
        return Err(RecordError::Text);
    }
    let anchored = verify_transaction(validators, &proof.anchor)?;
    let Action::Anchor(anchor) = &proof.anchor.transaction.action else {
        return Err(RecordError::NotAnAnchor);
    };
    let name = validators.name(&proof.anchor.transaction.signer);
    if name.is_some_and(|name| *name != anchor.organisation) {
        return Err(RecordError::Signer);
    }
    let package = package_digest(&proof.package, &proof.ciphertext_digest);
    let leaf = record_commitment(&proof.r, &package, &proof.plaintext_digest);
    if Some(proof.batch_path.size) != batch_size(anchor.size_class).map(|size| size as u64) {
        return Err(RecordError::NotInBatch);
    }
    proof.batch_path.verify(&leaf_hash(leaf), &anchor.batch_root).map_err(|_| RecordError::NotInBatch)?;
    Ok(VerifiedRecord {
        source: anchor.organisation.clone(),
        in_genesis: name.is_some(),
        anchored,
        plaintext_digest: proof.plaintext_digest,
    })
}
