//! Proofs that a transaction is in a final block.

use crate::certificate::CertificateError;
use crate::chain::verify_certified_header;
use crate::validators::Validators;
use commonware_codec::Encode;
use salus_crypto::merkle::leaf_hash;
use salus_types::namespace;
use salus_types::proof::TransactionProof;

/// Why a transaction proof fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TransactionError {
    /// The block is not shown to be final.
    #[error(transparent)]
    Block(#[from] CertificateError),
    /// The transaction is not in the block.
    #[error("the transaction is not in the block")]
    NotInBlock,
    /// The transaction's signature does not verify.
    #[error("the transaction's signature does not verify")]
    Signature,
}

/// Where and when a transaction became final.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VerifiedTransaction {
    /// Height of its block.
    pub height: u64,
    /// Time of its block in milliseconds since 1970-01-01 UTC.
    pub time_ms: u64,
}

/// Checks that the transaction is in a block that the validators finalised.
///
/// # Errors
/// [`TransactionError`], naming the first check that fails.
pub fn verify_transaction(
    validators: &Validators,
    proof: &TransactionProof,
) -> Result<VerifiedTransaction, TransactionError> {
    let header = verify_certified_header(validators, &proof.block)?;
    if proof.path.size != u64::from(header.transactions) {
        return Err(TransactionError::NotInBlock);
    }
    proof
        .path
        .verify(&leaf_hash(proof.transaction.encode()), &header.transactions_root)
        .map_err(|_| TransactionError::NotInBlock)?;
    proof
        .transaction
        .signer
        .verify(namespace::TRANSACTION, &proof.transaction.message(), &proof.transaction.signature)
        .map_err(|_| TransactionError::Signature)?;
    Ok(VerifiedTransaction { height: header.height, time_ms: header.time_ms })
}
