//! Somebody who is registered twice makes one of it: `docs/protocol/location.md`, *Two registrations of one person*.
//!
//! Upon a letter of the patient (`letter`): whoever has the key of one registration, and shows a code for the other, owns
//! both from then on. The vault gives the compartments of the other to the same owner; both FHIR Patients name one another
//! (`link`); both keep their records and their lists of who looked. For thirty days the patient can part them again.
//!
//! Architecture invariant: nobody merges but the patient, and nothing is moved or sealed anew: what was restricted, erased
//! or labelled in either registration is so in the whole.

mod letter;
mod link;
#[cfg(test)]
mod tests;

pub(crate) use letter::{Ask, answer};

use crate::error::Error;
use crate::state::Gateway;
use crate::store::{ReadTransaction, Rows, StoreError};
use serde::{Deserialize, Serialize};

/// Merges by the registration that gave way: FHIR Patient id.
const MERGES: Rows<Merge> = Rows::new("merges");
/// The registrations that gave way to one, by `stays/gave-way`.
const OF_PATIENT: Rows<String> = Rows::new("merges-of-patients");

/// How long a merge can be undone.
const UNDO_MS: u64 = 30 * 24 * 3_600 * 1_000;
/// Registrations that may be merged into one.
const MERGED_MAX: usize = 10;

/// A registration that gave way.
#[derive(Clone, Serialize, Deserialize)]
struct Merge {
    /// To which.
    into: String,
    /// When, in milliseconds since 1970-01-01 UTC.
    time_ms: u64,
    /// The address that was enrolled, if one was.
    former: Option<String>,
    /// Whether the FHIR Patient was in use before.
    #[serde(default)]
    was_active: Option<bool>,
}

/// The registration of a person that stays: itself, if it was merged into none.
///
/// # Errors
/// A fault of the store.
pub(crate) fn surviving(tx: &ReadTransaction, patient: &str) -> Result<String, StoreError> {
    let merge = MERGES.get(tx, patient)?;
    Ok(merge.map_or_else(|| patient.to_owned(), |merge| merge.into))
}

/// All registrations of a person here, the one that stays first.
///
/// # Errors
/// A fault of the store.
pub(crate) fn group(gateway: &Gateway, patient: &str) -> Result<Vec<String>, Error> {
    Ok(gateway.store.read(|tx| group_in(tx, patient))?)
}

/// The same within a read.
///
/// # Errors
/// A fault of the store.
pub(crate) fn group_in(tx: &ReadTransaction, patient: &str) -> Result<Vec<String>, StoreError> {
    let stays = surviving(tx, patient)?;
    let gave_way = OF_PATIENT.scan(tx, &format!("{stays}/"), MERGED_MAX)?;
    Ok(std::iter::once(stays).chain(gave_way.into_iter().map(|(_, other)| other)).collect())
}
