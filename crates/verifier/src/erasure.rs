//! What the dossier of an erasure shows: what was ordered and why, and who has signed that nothing of it is left.

use crate::entry::{EntryError, Found, Subject, verify_entry};
use crate::file::{EntryFile, ErasureOrderFile, ProofFileError};
use crate::validators::{HandoverError, Validators};
use commonware_codec::{Encode, Read};
use salus_types::state::{ErasedEntry, ErasureEntry, StateKey, key};
use salus_types::vault::ErasureNotice;
use salus_types::{OrganisationId, decode_canonical};

/// Why a dossier does not hold.
#[derive(Debug, thiserror::Error)]
pub enum ErasureError {
    /// A part of the file does not decode.
    #[error(transparent)]
    File(#[from] ProofFileError),
    /// The handovers do not lead to the block's validators.
    #[error(transparent)]
    Handover(#[from] HandoverError),
    /// A proof does not hold.
    #[error(transparent)]
    Entry(#[from] EntryError),
    /// A proof is about something else.
    #[error("a proof is not about what the dossier says it is")]
    Subject,
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
    let subject = file.subject()?;
    if subject != Subject::Entry(at) {
        return Err(ErasureError::Subject);
    }
    validators.extend(&file.handovers()?)?;
    let verified = verify_entry(validators, &subject, &file.proof()?)?;
    match verified.found {
        Found::Nothing => Ok((None, verified.height)),
        Found::Entry(value) => {
            let entry = decode_canonical(&value).map_err(|_| EntryError::Entry)?;
            Ok((Some(entry), verified.height))
        }
        Found::Grant(_) | Found::Access(_) | Found::Member(_) => Err(ErasureError::Subject),
    }
}
