//! What an entry's file within a larger file shows.

use crate::entry::{EntryError, Found, Subject, VerifiedEntry, verify_entry};
use crate::file::{EntryFile, ProofFileError};
use crate::validators::{HandoverError, Validators};
use commonware_codec::{Encode, Read};
use salus_types::decode_canonical;

/// Why it does not hold.
#[derive(Debug, thiserror::Error)]
pub enum ShownError {
    /// A part of the file does not decode.
    #[error(transparent)]
    File(#[from] ProofFileError),
    /// The handovers do not lead to the block's validators.
    #[error(transparent)]
    Handover(#[from] HandoverError),
    /// The proof does not hold.
    #[error(transparent)]
    Entry(#[from] EntryError),
    /// The proof is about something else.
    #[error("a proof is not about what the file says it is")]
    Subject,
}

/// Checks a file that must be about a subject, and learns of the changes of validators that it shows.
///
/// # Errors
/// [`ShownError`].
pub(crate) fn shown(
    validators: &mut Validators,
    file: &EntryFile,
    subject: &Subject,
) -> Result<VerifiedEntry, ShownError> {
    if file.subject()? != *subject {
        return Err(ShownError::Subject);
    }
    validators.extend(&file.handovers()?)?;
    Ok(verify_entry(validators, subject, &file.proof()?)?)
}

impl VerifiedEntry {
    /// What stood under the key of a [`Subject::Entry`].
    ///
    /// # Errors
    /// [`ShownError`], if it is something else.
    pub(crate) fn entry<T: Read<Cfg = ()> + Encode>(&self) -> Result<Option<T>, ShownError> {
        match &self.found {
            Found::Nothing => Ok(None),
            Found::Entry(value) => Ok(Some(decode_canonical(value).map_err(|_| EntryError::Entry)?)),
            Found::Grant(_) | Found::Access(_) | Found::Member(_) => Err(ShownError::Subject),
        }
    }
}
