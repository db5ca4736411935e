//! A sealed record version, and the commitment to it that batches anchor.

use crate::codec::{Bounded, codec_enum, codec_struct};
use crate::ids::{CompartmentId, VersionId};
use commonware_codec::Encode;
use salus_crypto::hash::{Digest, hash, sha256};

/// Largest ciphertext in bytes.
pub const SEALED_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Suite 1: HKDF-SHA256, AES-256-GCM, SHA-256, Shamir over GF(256).
pub const SUITE_1: u8 = 1;

codec_enum! {
    /// What the plaintext is.
    pub enum Content {
        /// The exact bytes of a FHIR resource version (`application/fhir+json`).
        Fhir = 1 => "fhir",
        /// A FHIR resource was deleted: `{"resourceType", "id", "meta"}` only.
        Deleted = 2 => "deleted",
    }
}

codec_struct! {
    /// The clear part of a sealed package, bound to the ciphertext as associated data.
    pub struct PackageHeader {
        /// [`SUITE_1`].
        pub suite: u8,
        /// The compartment whose key opens it.
        pub compartment: CompartmentId,
        /// Epoch of the compartment.
        pub epoch: u32,
        /// The version's own random id.
        pub version: VersionId,
        /// What the plaintext is.
        pub content: Content,
        /// Commits to the data key: a ciphertext opens under one key only.
        pub key_commitment: [u8; 32],
    }
}

codec_struct! {
    /// A sealed record version. The plaintext is `r` ([`RecordSecret`], 64 bytes) and the exact bytes.
    pub struct SealedPackage {
        /// The clear part.
        pub header: PackageHeader,
        /// AES-256-GCM under `DEK = HKDF(ikm = CK, salt = S, info = version)`, nonce 0, aad = header.
        pub ciphertext: Bounded<u8, SEALED_BYTES_MAX>,
    }
}

impl SealedPackage {
    /// What a commitment binds of the package.
    pub fn digest(&self) -> Digest {
        package_digest(&self.header, &sha256(&*self.ciphertext))
    }
}

/// Binds a header and a ciphertext, of which the digest is enough: a proof shows the header alone.
pub fn package_digest(header: &PackageHeader, ciphertext: &Digest) -> Digest {
    hash("salus/package/v1", &[&header.encode(), ciphertext.as_ref()])
}

/// `r`: 64 random bytes. Once they are destroyed the commitment says nothing about the record.
pub type RecordSecret = [u8; 64];

/// The commitment to one version: a leaf of an anchored batch.
pub fn record_commitment(r: &RecordSecret, package: &Digest, plaintext: &Digest) -> Digest {
    hash("salus/record/v1", &[r, package.as_ref(), plaintext.as_ref()])
}

/// Leaves of a batch of a size class: 64, 256, 1,024 or 4,096.
pub fn batch_size(class: u8) -> Option<usize> {
    (class <= 3).then(|| 64 << (2 * class))
}

/// The smallest size class that holds `versions` versions.
pub fn size_class(versions: usize) -> Option<u8> {
    (0..=3).find(|class| batch_size(*class).is_some_and(|size| versions <= size))
}
