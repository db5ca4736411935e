//! Sealing one version, and opening it again. Pure.
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
use commonware_codec::Encode as _;
use salus_crypto::Secret32;
use salus_crypto::aead::{self, ONE_SHOT_LEN_MAX, OpenError, TAG_LEN};
use salus_crypto::hash::{Digest, sha256};
use salus_crypto::kdf::{self, Label};
use salus_crypto::shamir::{self, Share};
use salus_types::vault::{
    Content, PackageHeader, RecordSecret, SEALED_BYTES_MAX, SUITE_1, SealedPackage, package_digest,
    record_commitment,
};
use salus_types::{Bounded, CompartmentId, VersionId, label};
use zeroize::{Zeroize as _, Zeroizing};

/// Longest text that is sealed, in bytes: the rest of a package is `r`, tags, and room for the chunks' tags.
pub const PLAINTEXT_BYTES_MAX: usize = SEALED_BYTES_MAX - 4_096;

const R_LEN: usize = 64;
const DATA_KEY: Label = Label::new(label::DATA_KEY);

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
    /// Another suite than the one known.
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
pub fn seal(key: &SealKey, content: Content, bytes: &[u8]) -> Result<SealedVersion, TooLarge> {
    if bytes.len() > PLAINTEXT_BYTES_MAX {
        return Err(TooLarge);
    }
    let version = VersionId(Digest(salus_crypto::random::bytes()));
    let s = Secret32::random();
    let data_key = data_key(&key.key, &s, &version);
    let header = PackageHeader {
        suite: SUITE_1,
        compartment: key.compartment,
        epoch: key.epoch,
        version,
        content,
        key_commitment: aead::key_commitment(&data_key),
    };
    let mut r = Zeroizing::new([0; R_LEN]);
    salus_crypto::random::fill(r.as_mut());
    let ciphertext = encrypt(&data_key, &header.encode(), &r, bytes);
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
    if package.header.suite != SUITE_1 {
        return Err(UnsealError::Suite);
    }
    let s = shamir::combine(shares).map_err(|_| UnsealError::Shares)?;
    let data_key = data_key(key, &s, &package.header.version);
    aead::check_key_commitment(&data_key, &package.header.key_commitment).map_err(|_| UnsealError::Key)?;
    let mut plain = decrypt(&data_key, &package.header.encode(), &package.ciphertext)
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
    let data_key = data_key(key, s, &header.version);
    aead::check_key_commitment(&data_key, &header.key_commitment).is_ok()
}

fn data_key(key: &Secret32, s: &Secret32, version: &VersionId) -> Secret32 {
    kdf::derive(DATA_KEY, key.expose(), s.expose(), &[version.as_bytes()])
}

fn encrypt(key: &Secret32, aad: &[u8], r: &RecordSecret, bytes: &[u8]) -> Vec<u8> {
    let mut buffer = Vec::with_capacity(R_LEN + bytes.len() + TAG_LEN);
    buffer.extend_from_slice(r);
    buffer.extend_from_slice(bytes);
    if buffer.len() <= ONE_SHOT_LEN_MAX {
        aead::seal_in_place(key, aad, &mut buffer);
        return buffer;
    }
    let plain = Zeroizing::new(buffer);
    aead::seal_stream(key, aad, &plain)
}

/// The length tells the form: a stream is at least one chunk's tag longer than the longest one-shot ciphertext.
fn decrypt(key: &Secret32, aad: &[u8], ciphertext: &[u8]) -> Result<Zeroizing<Vec<u8>>, OpenError> {
    if ciphertext.len() <= ONE_SHOT_LEN_MAX + TAG_LEN {
        aead::open(key, aad, ciphertext)
    } else {
        aead::open_stream(key, aad, ciphertext)
    }
}
