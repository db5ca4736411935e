//! Record proofs: this version, unchanged, in this block, certified by these organisations.

use crate::block::Header;
use crate::codec::{Bounded, codec_struct};
use crate::transaction::Transaction;
use crate::vault::PackageHeader;
use salus_crypto::hash::Digest;
use salus_crypto::merkle::InclusionProof;

/// Largest finality certificate in bytes.
pub const CERTIFICATE_BYTES_MAX: usize = 32 * 1024;

codec_struct! {
    /// A block header with the certificate of the validators that finalised it.
    pub struct CertifiedHeader {
        /// The header.
        pub header: Header,
        /// `Finalization` of simplex with ed25519, see `docs/protocol/certificates.md`.
        pub certificate: Bounded<u8, CERTIFICATE_BYTES_MAX>,
    }
}

codec_struct! {
    /// A transaction and its place in a certified block.
    pub struct TransactionProof {
        /// The transaction.
        pub transaction: Transaction,
        /// Path to [`Header::transactions_root`].
        pub path: InclusionProof,
        /// The block.
        pub block: CertifiedHeader,
    }
}

codec_struct! {
    /// Everything needed to check one record version without a node. It holds no clinical data.
    pub struct RecordProof {
        /// Header of the sealed version.
        pub package: PackageHeader,
        /// `SHA-256(header || ciphertext)`.
        pub package_digest: Digest,
        /// SHA-256 of the exact FHIR bytes.
        pub plaintext_digest: Digest,
        /// The record secret.
        pub r: [u8; 64],
        /// Path from the record's commitment to the batch root.
        pub batch_path: InclusionProof,
        /// The anchor transaction in its block.
        pub anchor: TransactionProof,
    }
}
