//! The light client: checks what a node says without trusting it, and without a network.
//!
//! A record proof is followed from the bottom up:
//!
//! 1. record secret, package header, ciphertext digest and plaintext digest give the record's commitment;
//! 2. the commitment is a leaf of the batch whose root an `Anchor` transaction carries;
//! 3. the transaction is signed by an organisation of the genesis and is a leaf of a block;
//! 4. the block's header leads, parent by parent, to a header that at least 2f+1 validators finalised.
//!
//! A state proof ([`verify_state`]) shows what is, or is not, under a key in the state of such a header.
//!
//! Whoever holds the genesis therefore needs nobody's word. What it shows: these bytes were committed to by
//! this organisation at this time and have not changed since. What it does not show: that they are true.

mod certificate;
mod genesis_file;
mod record;
mod state;
mod transaction;

pub use certificate::{CertificateError, Validators, verify_certified_header, verify_headers};
pub use genesis_file::{GenesisFile, GenesisFileError};
pub use record::{ProofFile, ProofFileError, RecordError, VerifiedRecord, verify_record};
pub use state::{StateError, verify_state};
pub use transaction::{TransactionError, VerifiedTransaction, verify_transaction};

#[cfg(test)]
mod tests;
