//! Finality certificates, as `docs/protocol/certificates.md` lays them down.

use salus_crypto::sign::verify_batch;
use salus_types::block::Header;
use salus_types::genesis::Genesis;
use salus_types::proof::CertifiedHeader;
use salus_types::{Digest, NetworkId, PublicKey, Signature, namespace};

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
}

/// The validators of an epoch, in the order in which certificates count them.
#[derive(Clone, Debug)]
pub struct Validators {
    network: NetworkId,
    keys: Vec<PublicKey>,
    namespace: String,
}

impl Validators {
    /// The validators of genesis.
    pub fn of_genesis(genesis: &Genesis) -> Self {
        let network = genesis.network();
        let mut keys: Vec<_> = genesis.validators().map(|organisation| organisation.node_key).collect();
        keys.sort();
        Self { network, keys, namespace: format!("{}/{network}_FINALIZE", namespace::CONSENSUS) }
    }

    /// Number of signatures that make a block final: `n - floor((n - 1) / 3)`.
    pub fn quorum(&self) -> usize {
        self.keys.len() - self.keys.len().saturating_sub(1) / 3
    }
}

/// Checks a header chain and the certificate at its end, and gives back the first header.
///
/// # Errors
/// [`CertificateError`], naming the first check that fails.
pub fn verify_certified_header<'a>(
    validators: &Validators,
    certified: &'a CertifiedHeader,
) -> Result<&'a Header, CertificateError> {
    let (first, last) = match &*certified.headers {
        [] => return Err(CertificateError::Malformed),
        headers @ [first, ..] => (first, headers.last().unwrap_or(first)),
    };
    verify_headers(validators.network, &certified.headers)?;
    let certificate = Certificate::parse(&certified.certificate).ok_or(CertificateError::Malformed)?;
    certificate.verify(validators, last)?;
    Ok(first)
}

/// Checks that each header names the one before as its parent.
///
/// # Errors
/// [`CertificateError::Chain`], or [`CertificateError::OtherNetwork`].
pub fn verify_headers(network: NetworkId, headers: &[Header]) -> Result<(), CertificateError> {
    if headers
        .iter()
        .any(|header| header.network != network || header.version != salus_types::block::HEADER_VERSION)
    {
        return Err(CertificateError::OtherNetwork);
    }
    let linked = headers.windows(2).all(|pair| {
        pair[1].parent == pair[0].digest() && pair[0].height.checked_add(1) == Some(pair[1].height)
    });
    if linked { Ok(()) } else { Err(CertificateError::Chain) }
}

struct Certificate<'a> {
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
    fn parse(bytes: &'a [u8]) -> Option<Self> {
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

    fn verify(&self, validators: &Validators, header: &Header) -> Result<(), CertificateError> {
        let rounds = (self.epoch, self.view, self.parent_view);
        if self.block != header.digest() || rounds != (header.epoch, header.view, header.parent_view) {
            return Err(CertificateError::OtherBlock);
        }
        if self.validators != validators.keys.len() as u64 {
            return Err(CertificateError::OtherValidators);
        }
        let (signed, needed) = (self.signers.len(), validators.quorum());
        if signed < needed {
            return Err(CertificateError::TooFew { signed, needed });
        }
        let items: Vec<_> = self
            .signers
            .iter()
            .zip(&self.signatures)
            .map(|(signer, signature)| {
                (validators.namespace.as_str(), self.message, validators.keys[*signer], *signature)
            })
            .collect();
        if verify_batch(&items).into_iter().all(|valid| valid) {
            return Ok(());
        }
        Err(CertificateError::Signature)
    }
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
