//! Finality certificates without commonware: the format of `docs/protocol/certificates.md`, read and checked.

use salus_types::block::Header;
use salus_types::{Digest, PublicKey, Signature, namespace};

/// Most validators that a certificate may name.
pub const VALIDATORS_MAX: u64 = 1_024;

/// Signatures that a certificate of `validators` needs.
pub fn quorum(validators: usize) -> usize {
    validators - validators.saturating_sub(1) / 3
}

/// Why a certificate shows nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// Not the bytes of a certificate.
    #[error("the certificate is malformed")]
    Malformed,
    /// It is for another block.
    #[error("the certificate is for another block")]
    OtherBlock,
    /// It was made by a set of another size.
    #[error("the certificate is of {found} validators where there are {expected}")]
    OtherValidators {
        /// Validators of the epoch.
        expected: usize,
        /// Validators in the certificate.
        found: usize,
    },
    /// Fewer signatures than a quorum.
    #[error("{found} signatures where {needed} are needed")]
    NoQuorum {
        /// Signatures needed.
        needed: usize,
        /// Signatures found.
        found: usize,
    },
    /// A signature does not verify.
    #[error("the signature of validator {0} does not verify")]
    Signature(usize),
}

/// A decoded certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// Epoch of the validator set.
    pub epoch: u64,
    /// View in which the block was proposed.
    pub view: u64,
    /// View of the block's parent.
    pub parent_view: u64,
    /// Digest of the block's header.
    pub digest: Digest,
    /// Size of the validator set.
    pub validators: usize,
    /// Signatures by index of the validator, ascending.
    pub signatures: Vec<(usize, Signature)>,
    /// The bytes that every signer signed, before the namespace.
    message: Vec<u8>,
}

struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    /// Unsigned LEB128, shortest form only.
    fn varint(&mut self) -> Option<u64> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let [byte] = self.array()?;
            let bits = u64::from(byte & 0x7f);
            if (shift == 63 && bits > 1) || (byte == 0 && shift > 0) {
                return None;
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }
}

impl Certificate {
    /// Reads a certificate.
    ///
    /// # Errors
    /// [`CertificateError::Malformed`], for anything but the one encoding.
    pub fn decode(bytes: &[u8]) -> Result<Self, CertificateError> {
        Self::read(bytes).ok_or(CertificateError::Malformed)
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let mut cursor = Cursor(bytes);
        let (epoch, view, parent_view) = (cursor.varint()?, cursor.varint()?, cursor.varint()?);
        let digest = Digest(cursor.array()?);
        let message = bytes[..bytes.len() - cursor.0.len()].to_vec();
        let validators = u64::from_be_bytes(cursor.array()?);
        if validators > VALIDATORS_MAX {
            return None;
        }
        let validators = validators as usize;
        let bits = cursor.take(validators.div_ceil(8))?;
        let set = |index: usize| bits[index / 8] >> (index % 8) & 1 == 1;
        if (validators..bits.len() * 8).any(set) {
            return None;
        }
        let signers: Vec<_> = (0..validators).filter(|index| set(*index)).collect();
        if cursor.varint()? != signers.len() as u64 {
            return None;
        }
        let mut signatures = Vec::with_capacity(signers.len());
        for signer in signers {
            signatures.push((signer, Signature(cursor.array()?)));
        }
        cursor.0.is_empty().then_some(Self {
            epoch,
            view,
            parent_view,
            digest,
            validators,
            signatures,
            message,
        })
    }

    /// Checks that `validators` (in any order) finalised the block with this header.
    ///
    /// # Errors
    /// [`CertificateError`], naming the first failed check.
    pub fn verify(&self, validators: &[PublicKey], header: &Header) -> Result<(), CertificateError> {
        if self.digest != header.digest() || !self.is_of_round(header) {
            return Err(CertificateError::OtherBlock);
        }
        let (expected, found) = (validators.len(), self.validators);
        if expected != found {
            return Err(CertificateError::OtherValidators { expected, found });
        }
        let (needed, found) = (quorum(expected), self.signatures.len());
        if found < needed {
            return Err(CertificateError::NoQuorum { needed, found });
        }
        let mut sorted = validators.to_vec();
        sorted.sort_unstable();
        let namespace = format!("{}_FINALIZE", namespace::consensus(&header.network));
        for (index, signature) in &self.signatures {
            sorted[*index]
                .verify(&namespace, &self.message, signature)
                .map_err(|_| CertificateError::Signature(*index))?;
        }
        Ok(())
    }

    /// The last block of an epoch is proposed again, on top of itself, until the epoch ends.
    fn is_of_round(&self, header: &Header) -> bool {
        let (view, parent) = (self.view, self.parent_view);
        let again = header.next_validators != Digest::ZERO && header.view <= parent && parent < view;
        self.epoch == header.epoch && ((view, parent) == (header.view, header.parent_view) || again)
    }
}
