//! What the dossier of an erasure shows: what was ordered and why, and who has signed that nothing of it is left.

use crate::entry::Subject;
use crate::file::{EntryFile, ErasureOrderFile, ProofFileError};
use crate::shown::{ShownError, shown};
use crate::validators::Validators;
use commonware_codec::{Encode, Read};
use salus_types::OrganisationId;
use salus_types::state::{ErasedEntry, ErasureEntry, StateKey, key};
use salus_types::vault::ErasureNotice;

/// Why a dossier does not hold.
#[derive(Debug, thiserror::Error)]
pub enum ErasureError {
    /// A part of the file does not decode.
    #[error(transparent)]
    File(#[from] ProofFileError),
    /// What is said of the ledger does not hold.
    #[error(transparent)]
    Shown(#[from] ShownError),
    /// The order is not on the ledger.
    #[error("the order is not on the ledger")]
    NoOrder,
    /// The notice does not open the order.
    #[error("the versions named are not those that were ordered to be erased")]
    Notice,
}

/// What one order of a dossier shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedErasure {
    /// What was ordered.
    pub order: ErasureEntry,
    /// Which versions.
    pub notice: ErasureNotice,
    /// The receipt of each member that the dossier names; `None`: there was none at that block.
    pub receipts: Vec<(OrganisationId, Option<ErasedEntry>)>,
    /// Height of the newest block that vouches for all of it.
    pub height: u64,
}

/// Checks one order of a dossier, and learns of the changes of validators that it shows.
///
/// # Errors
/// [`ErasureError`], naming the first check that fails.
pub fn verify_erasure(
    validators: &mut Validators,
    file: &ErasureOrderFile,
) -> Result<VerifiedErasure, ErasureError> {
    let notice = file.notice()?;
    let (order, mut height) = read::<ErasureEntry>(validators, &file.order, key::erasure(&notice.erasure))?;
    let order = order.ok_or(ErasureError::NoOrder)?;
    if notice.network != validators.network() || !notice.opens(&order) {
        return Err(ErasureError::Notice);
    }
    let mut receipts = Vec::with_capacity(file.receipts.len());
    for receipt in &file.receipts {
        let at = key::erased(&notice.erasure, &receipt.organisation);
        let (entry, seen) = read(validators, &receipt.entry, at)?;
        height = height.max(seen);
        receipts.push((receipt.organisation.clone(), entry));
    }
    Ok(VerifiedErasure { order, notice, receipts, height })
}

/// What stood under a key, and at which height.
fn read<T: Read<Cfg = ()> + Encode>(
    validators: &mut Validators,
    file: &EntryFile,
    at: StateKey,
) -> Result<(Option<T>, u64), ErasureError> {
    let verified = shown(validators, file, &Subject::Entry(at))?;
    Ok((verified.entry()?, verified.height))
}
