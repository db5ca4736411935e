//! Finality certificates, as `docs/protocol/certificates.md` lays them down.

use crate::validators::Validators;
use salus_crypto::sign::{BatchItem, verify_batch};
use salus_types::block::Header;
use salus_types::{Digest, Signature};

/// Why a certificate does not show that a block is final.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// The bytes are not a certificate.
    #[error("the certificate is malformed")]
    Malformed,
    /// The certificate is for another block.
    #[error("the certificate is for another block")]
    OtherBlock,
    /// The certificate counts another number of validators.
    #[error("the certificate is for another set of validators")]
    OtherValidators,
    /// Fewer than 2f+1 signed.
    #[error("{signed} organisations signed, at least {needed} must")]
    TooFew {
        /// Number that signed.
        signed: usize,
        /// Number needed.
        needed: usize,
    },
    /// A signature does not verify.
    #[error("a validator's signature does not verify")]
    Signature,
    /// The headers do not lead to the certified one.
    #[error("the headers do not lead to the certified one")]
    Chain,
    /// A header is of another network or version.
    #[error("the header is of another network or version")]
    OtherNetwork,
    /// Nothing is known of those who voted in the epoch: it is before the checkpoint.
    #[error("the block is of epoch {0}, which is before the checkpoint")]
    EpochBefore(u64),
    /// The handovers do not lead to the epoch.
    #[error("a handover is missing: the validators of epoch {0} are not known")]
    MissingHandover(u64),
    /// The block's height belongs to an epoch in which others voted.
    #[error("the block's height and its epoch do not belong together")]
    OutsideEpoch,
    /// A handover or the checkpoint names another block at the same height.
    #[error("another block is known at height {0}")]
    OtherHistory(u64),
    /// No certificate covers the last header of a chain.
    #[error("no certificate covers the last header")]
    Uncertified,
}

/// A certificate's parts; nothing of it is verified.
pub(crate) struct Certificate<'a> {
    epoch: u64,
    view: u64,
    parent_view: u64,
    block: Digest,
    /// Epoch, views and digest as they stand in the bytes: what is signed.
    message: &'a [u8],
    validators: u64,
    signers: Vec<usize>,
    signatures: Vec<Signature>,
}

impl<'a> Certificate<'a> {
    /// Reads the bytes.
    ///
    /// # Errors
    /// [`CertificateError::Malformed`], for anything but the one encoding.
    pub(crate) fn parse(bytes: &'a [u8]) -> Result<Self, CertificateError> {
        Self::read(bytes).ok_or(CertificateError::Malformed)
    }

    fn read(bytes: &'a [u8]) -> Option<Self> {
        let mut rest = bytes;
        let epoch = take_varint(&mut rest)?;
        let view = take_varint(&mut rest)?;
        let parent_view = take_varint(&mut rest)?;
        let block = Digest(take::<32>(&mut rest)?);
        let message = &bytes[..bytes.len() - rest.len()];
        let validators = u64::from_be_bytes(take::<8>(&mut rest)?);
        let signers = take_bitmap(&mut rest, validators)?;
        if take_varint(&mut rest)? != signers.len() as u64 {
            return None;
        }
        let signatures =
            signers.iter().map(|_| take::<64>(&mut rest).map(Signature)).collect::<Option<Vec<_>>>()?;
        rest.is_empty().then_some(Self {
            epoch,
            view,
            parent_view,
            block,
            message,
            validators,
            signers,
            signatures,
        })
    }

    /// Checks that enough of those who vote in the header's epoch signed.
    ///
    /// # Errors
    /// [`CertificateError`], naming the first check that fails.
    pub(crate) fn verify(&self, validators: &Validators, header: &Header) -> Result<(), CertificateError> {
        let items = self.signatures(validators, header, &header.digest())?;
        if verify_batch(&items).into_iter().all(|valid| valid) {
            return Ok(());
        }
        Err(CertificateError::Signature)
    }

    /// Every check but that of the signatures, which are given back; `digest` is that of `header`.
    ///
    /// # Errors
    /// [`CertificateError`], naming the first check that fails.
    pub(crate) fn signatures(
        &'a self,
        validators: &'a Validators,
        header: &Header,
        digest: &Digest,
    ) -> Result<Vec<BatchItem<'a>>, CertificateError> {
        if self.block != *digest || !self.is_of_round(header) {
            return Err(CertificateError::OtherBlock);
        }
        let keys = validators.voting(header)?;
        if self.validators != keys.len() as u64 {
            return Err(CertificateError::OtherValidators);
        }
        let (signed, needed) = (self.signers.len(), quorum(keys.len()));
        if signed < needed {
            return Err(CertificateError::TooFew { signed, needed });
        }
        let signed = self.signers.iter().zip(&self.signatures);
        let item = |(signer, signature): (&usize, &Signature)| {
            (validators.finalize_namespace(), self.message, keys[*signer], *signature)
        };
        Ok(signed.map(item).collect())
    }

    /// The round is that in which the block was made. The last block of an epoch is proposed again, on top of itself,
    /// until the epoch ends, so that its certificate may be of a later round.
    fn is_of_round(&self, header: &Header) -> bool {
        let (epoch, view, parent) = (self.epoch, self.view, self.parent_view);
        let again = header.next_validators != Digest::ZERO && header.view <= parent && parent < view;
        epoch == header.epoch && ((view, parent) == (header.view, header.parent_view) || again)
    }
}

/// Number of signatures that make a block final: `n - floor((n - 1) / 3)`.
fn quorum(validators: usize) -> usize {
    validators - validators.saturating_sub(1) / 3
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (head, tail) = rest.split_at_checked(N)?;
    *rest = tail;
    head.try_into().ok()
}

/// Unsigned LEB128 in its shortest form.
fn take_varint(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let [byte] = take::<1>(rest)?;
        let bits = u64::from(byte & 0x7f);
        if bits.checked_shl(shift)? >> shift != bits {
            return None;
        }
        value |= bits << shift;
        if byte & 0x80 == 0 {
            return (byte != 0 || shift == 0).then_some(value);
        }
    }
    None
}

/// The set bits of a bitmap of `count` bits; a bit at or above `count` is refused.
fn take_bitmap(rest: &mut &[u8], count: u64) -> Option<Vec<usize>> {
    let count = usize::try_from(count).ok()?;
    let (bytes, tail) = rest.split_at_checked(count.div_ceil(8))?;
    *rest = tail;
    let set = |bit: &usize| bytes[bit / 8] >> (bit % 8) & 1 == 1;
    let bits: Vec<usize> = (0..bytes.len() * 8).filter(set).collect();
    bits.last().is_none_or(|last| *last < count).then_some(bits)
}
