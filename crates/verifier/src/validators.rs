//! Who votes in which epoch: from genesis or a checkpoint on, one handover after the other.
//!
//! Architecture invariant: nobody becomes a validator here but by genesis, by a checkpoint, or by the certified word of
//! the validators before.

use crate::certificate::{Certificate, CertificateError};
use salus_types::block::Header;
use salus_types::genesis::Genesis;
use salus_types::membership::{validator_keys, validators_hash};
use salus_types::proof::{CertifiedHeader, Checkpoint, Handover};
use salus_types::{Bounded, Digest, NetworkId, PublicKey, namespace};
use std::collections::BTreeMap;

/// Keys that are none, or not in strictly ascending order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there are no validators, or they are not in ascending order")]
pub struct KeysError;

/// Why a handover is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HandoverError {
    /// The last block of the epoch is not shown to be final.
    #[error(transparent)]
    Block(#[from] CertificateError),
    /// No header, or more than the one that is certified: nothing of its epoch follows the last block.
    #[error("a handover shows the last block of an epoch, and no other")]
    Headers,
    /// The handovers are not in ascending order of their epochs.
    #[error("the handovers are not in ascending order")]
    Order,
    /// The new validators cannot be any.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// The header commits to others.
    #[error("the block hands over to other validators")]
    OtherValidators,
}

/// Those who vote from an epoch on, until the next handover.
#[derive(Clone, Debug)]
struct Term {
    first_epoch: u64,
    /// Least height of its blocks; 0 for the first term that is known.
    first_height: u64,
    /// In the order in which certificates count them: ascending.
    keys: Vec<PublicKey>,
}

/// Who may certify the blocks of a network, epoch by epoch.
#[derive(Clone, Debug)]
pub struct Validators {
    network: NetworkId,
    finalize_namespace: String,
    /// At least one, in ascending order.
    terms: Vec<Term>,
    /// Digests of blocks that are known to be final, by height.
    known: BTreeMap<u64, Digest>,
}

impl Validators {
    /// The validators of genesis.
    pub fn of_genesis(genesis: &Genesis) -> Self {
        Self::new(genesis.network(), 0, validator_keys(&genesis.members()))
    }

    /// The validators of a checkpoint. Blocks of earlier epochs cannot be verified from it.
    ///
    /// # Errors
    /// [`KeysError`].
    pub fn of_checkpoint(checkpoint: &Checkpoint) -> Result<Self, KeysError> {
        check_keys(&checkpoint.validators)?;
        let mut validators = Self::new(checkpoint.network, checkpoint.epoch, checkpoint.validators.to_vec());
        validators.known.insert(checkpoint.height, checkpoint.header);
        Ok(validators)
    }

    fn new(network: NetworkId, first_epoch: u64, keys: Vec<PublicKey>) -> Self {
        Self {
            network,
            finalize_namespace: format!("{}_FINALIZE", namespace::consensus(&network)),
            terms: vec![Term { first_epoch, first_height: 0, keys }],
            known: BTreeMap::new(),
        }
    }

    /// Learns of changes, in ascending order of their epochs. Those that lie before what is known already say nothing
    /// new and are passed over, so that one list serves every verifier.
    ///
    /// # Errors
    /// [`HandoverError`] of the first that is refused; those before it stay learned.
    pub fn extend(&mut self, handovers: &[Handover]) -> Result<(), HandoverError> {
        let mut before = None;
        for handover in handovers {
            let [header] = &*handover.block.headers else { return Err(HandoverError::Headers) };
            if before.is_some_and(|epoch| header.epoch <= epoch) {
                return Err(HandoverError::Order);
            }
            before = Some(header.epoch);
            if header.epoch >= self.newest_epoch() {
                self.hand_over(header, handover)?;
            }
        }
        Ok(())
    }

    /// The network whose blocks these vote on.
    pub(crate) fn network(&self) -> NetworkId {
        self.network
    }

    /// First epoch of those who were named last.
    fn newest_epoch(&self) -> u64 {
        self.terms.last().map_or(0, |term| term.first_epoch)
    }

    fn hand_over(&mut self, header: &Header, handover: &Handover) -> Result<(), HandoverError> {
        check_keys(&handover.validators)?;
        if validators_hash(&handover.validators) != header.next_validators {
            return Err(HandoverError::OtherValidators);
        }
        self.check_header(header)?;
        Certificate::parse(&handover.block.certificate)?.verify(self, header)?;
        self.terms.push(Term {
            first_epoch: header.epoch.checked_add(1).ok_or(HandoverError::Order)?,
            first_height: header.height.saturating_add(1),
            keys: handover.validators.to_vec(),
        });
        self.known.insert(header.height, header.digest());
        Ok(())
    }

    /// Node keys of those who vote on a block with this header, in the order in which certificates count them.
    ///
    /// # Errors
    /// [`CertificateError::EpochBefore`], [`CertificateError::OutsideEpoch`].
    pub(crate) fn voting(&self, header: &Header) -> Result<&[PublicKey], CertificateError> {
        let at = self.terms.partition_point(|term| term.first_epoch <= header.epoch);
        let (begun, later) = self.terms.split_at(at);
        let term = begun.last().ok_or(CertificateError::EpochBefore(header.epoch))?;
        let over = later.first().is_some_and(|next| next.first_height <= header.height);
        // Whoever was voted out may still sign, but no block after its last one.
        if header.height < term.first_height || over {
            return Err(CertificateError::OutsideEpoch);
        }
        Ok(&term.keys)
    }

    /// Checks that a header is of this network, and no other than a known one of its height.
    ///
    /// # Errors
    /// [`CertificateError::OtherNetwork`], [`CertificateError::OtherHistory`].
    pub(crate) fn check_header(&self, header: &Header) -> Result<(), CertificateError> {
        if header.network != self.network || header.version != salus_types::block::HEADER_VERSION {
            return Err(CertificateError::OtherNetwork);
        }
        match self.known.get(&header.height) {
            Some(known) if *known != header.digest() => Err(CertificateError::OtherHistory(header.height)),
            _ => Ok(()),
        }
    }

    /// What validators sign under to make a block final.
    pub(crate) fn finalize_namespace(&self) -> &str {
        &self.finalize_namespace
    }

    /// A checkpoint at a certified block, for those who trust whoever calls this.
    ///
    /// # Errors
    /// [`CertificateError`], if the block is not shown to be final.
    pub fn checkpoint(&self, block: &CertifiedHeader) -> Result<Checkpoint, CertificateError> {
        let header = crate::verify_certified_header(self, block)?;
        let keys = self.voting(header)?.to_vec();
        Ok(Checkpoint {
            network: self.network,
            epoch: header.epoch,
            height: header.height,
            header: header.digest(),
            validators: Bounded::new(keys).map_err(|_| CertificateError::OtherValidators)?,
        })
    }
}

/// Distinct keys in ascending order have one hash, and one place each in a certificate.
fn check_keys(keys: &[PublicKey]) -> Result<(), KeysError> {
    let ascending = keys.windows(2).all(|pair| pair[0] < pair[1]);
    if ascending && !keys.is_empty() { Ok(()) } else { Err(KeysError) }
}
