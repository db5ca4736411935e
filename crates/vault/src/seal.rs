//! Sealing one version, and opening it again. Pure. What the first suite does ([`crate::suite`]):
//!
//! ```text
//! S    = 32 random bytes               shares = Shamir 2 of 3 (S)
//! DEK  = HKDF(ikm = CK, salt = S, info = frame("salus/data-key/v1", [version id]))
//! r    = 64 random bytes
//! ciphertext = AES-256-GCM(DEK, nonce 0, aad = header, r || bytes), above 16 MiB in chunks (STREAM)
//! C    = record_commitment(r, package_digest(header, SHA-256(ciphertext)), SHA-256(bytes))
//! ```
//! Without two shares *and* CK nothing opens; without `r`, C says nothing.

use crate::sharing::{self, SHARES_MADE};
use crate::suite::Suite;
use commonware_codec::Encode as _;
use salus_crypto::Secret32;
use salus_crypto::aead::TAG_LEN;
use salus_crypto::hash::{Digest, sha256};
use salus_crypto::shamir::{self, Share};
use salus_types::vault::{
    Content, PackageHeader, RecordSecret, SEALED_BYTES_MAX, SealedPackage, package_digest, record_commitment,
};
use salus_types::{Bounded, CompartmentId, VersionId};
use subtle::ConstantTimeEq as _;
use zeroize::{Zeroize as _, Zeroizing};

/// Longest text that is sealed, in bytes: the rest of a package is `r`, tags, and room for the chunks' tags.
pub const PLAINTEXT_BYTES_MAX: usize = SEALED_BYTES_MAX - 4_096;

const R_LEN: usize = 64;

/// A compartment's name and key, as sealing needs them.
#[derive(Clone)]
pub struct SealKey {
    /// The compartment.
    pub compartment: CompartmentId,
    /// Its epoch.
    pub epoch: u32,
    /// Its key CK.
    pub key: Secret32,
}

/// A sealed version with what its source keeps and hands out.
pub struct SealedVersion {
    /// For the custodians.
    pub package: SealedPackage,
    /// SHA-256 of the ciphertext.
    pub ciphertext_digest: Digest,
    /// SHA-256 of the exact bytes.
    pub plaintext_digest: Digest,
    /// The record secret.
    pub r: Zeroizing<RecordSecret>,
    /// The leaf to anchor.
    pub commitment: Digest,
    /// One for each custodian, indices 1 to 3.
    pub shares: Vec<Share>,
    /// Binds each share, by index.
    pub share_commitments: [Digest; SHARES_MADE as usize],
}

/// The text is longer than [`PLAINTEXT_BYTES_MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the resource is too large to seal")]
pub struct TooLarge;

/// Why a package does not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnsealError {
    /// None of the suites that this program knows.
    #[error("unknown suite")]
    Suite,
    /// The shares do not combine.
    #[error("the shares do not combine")]
    Shares,
    /// Shares or compartment key are not those of this package.
    #[error("the key does not match the package's commitment")]
    Key,
    /// The package was changed.
    #[error("the package does not open")]
    Package,
}

/// An opened version. `commitment` is still to be found in an anchored batch.
pub struct Opened {
    /// The record secret.
    pub r: Zeroizing<RecordSecret>,
    /// The exact bytes.
    pub bytes: Zeroizing<Vec<u8>>,
    /// SHA-256 of the ciphertext.
    pub ciphertext_digest: Digest,
    /// SHA-256 of the bytes.
    pub plaintext_digest: Digest,
    /// The commitment that follows from all this.
    pub commitment: Digest,
}

/// Seals one version under a new random id and a new random `S`.
///
/// # Errors
/// [`TooLarge`].
pub fn seal(suite: &Suite, key: &SealKey, content: Content, bytes: &[u8]) -> Result<SealedVersion, TooLarge> {
    if bytes.len() > PLAINTEXT_BYTES_MAX {
        return Err(TooLarge);
    }
    let version = VersionId(Digest(salus_crypto::random::bytes()));
    let s = Secret32::random();
    let data_key = (suite.data_key)(&key.key, &s, &version);
    let header = PackageHeader {
        suite: suite.code,
        compartment: key.compartment,
        epoch: key.epoch,
        version,
        content,
        key_commitment: (suite.key_commitment)(&data_key),
    };
    let mut r = Zeroizing::new([0; R_LEN]);
    salus_crypto::random::fill(r.as_mut());
    let mut plain = Zeroizing::new(Vec::with_capacity(R_LEN + bytes.len() + TAG_LEN));
    plain.extend_from_slice(r.as_ref());
    plain.extend_from_slice(bytes);
    let ciphertext = (suite.seal)(&data_key, &header.encode(), plain);
    let (ciphertext_digest, plaintext_digest) = (sha256(&ciphertext), sha256(bytes));
    let commitment = record_commitment(&r, &package_digest(&header, &ciphertext_digest), &plaintext_digest);
    let sharing::Shares { shares, commitments: share_commitments } = sharing::split(&s, &version, 0);
    let package = SealedPackage { header, ciphertext: Bounded::new(ciphertext).map_err(|_| TooLarge)? };
    Ok(SealedVersion {
        package,
        ciphertext_digest,
        plaintext_digest,
        r,
        commitment,
        shares,
        share_commitments,
    })
}

/// Opens a package with its compartment's key and two shares. That the key commitment fits shows that the shares and
/// the key are right.
///
/// # Errors
/// [`UnsealError`], naming the first check that fails.
pub fn unseal(package: &SealedPackage, key: &Secret32, shares: &[Share]) -> Result<Opened, UnsealError> {
    let suite = Suite::of(package.header.suite).ok_or(UnsealError::Suite)?;
    let s = shamir::combine(shares).map_err(|_| UnsealError::Shares)?;
    let data_key = checked_key(suite, &package.header, key, &s).ok_or(UnsealError::Key)?;
    let mut plain = (suite.open)(&data_key, &package.header.encode(), &package.ciphertext)
        .map_err(|_| UnsealError::Package)?;
    let r: RecordSecret = *plain.first_chunk().ok_or(UnsealError::Package)?;
    let bytes = Zeroizing::new(plain.split_off(R_LEN));
    let (ciphertext_digest, plaintext_digest) = (sha256(&*package.ciphertext), sha256(bytes.as_slice()));
    let digest = package_digest(&package.header, &ciphertext_digest);
    let commitment = record_commitment(&r, &digest, &plaintext_digest);
    plain.zeroize();
    Ok(Opened { r: Zeroizing::new(r), bytes, ciphertext_digest, plaintext_digest, commitment })
}

/// Whether `s` and the compartment's key open the package of this header.
pub(crate) fn opens(header: &PackageHeader, key: &Secret32, s: &Secret32) -> bool {
    Suite::of(header.suite).is_some_and(|suite| checked_key(suite, header, key, s).is_some())
}

/// The data key, if it is the one that the header commits to. Nothing is opened without this: the ciphers do not commit to
/// their keys, and whoever knows two could make a ciphertext that opens under both.
fn checked_key(suite: &Suite, header: &PackageHeader, key: &Secret32, s: &Secret32) -> Option<Secret32> {
    let data_key = (suite.data_key)(key, s, &header.version);
    let fits = (suite.key_commitment)(&data_key).ct_eq(&header.key_commitment);
    bool::from(fits).then_some(data_key)
}
