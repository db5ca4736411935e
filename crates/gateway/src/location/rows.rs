//! The tables of the index, and of what patients chose.

use crate::state::Gateway;
use crate::store::{Rows, StoreError, WriteTransaction};
use salus_crypto::kdf::{Label, derive};
use salus_types::{Digest, OrganisationId, label};
use serde::{Deserialize, Serialize};

/// Whose a token is, by [`name`].
pub(super) const TOKENS: Rows<Vec<Held>> = Rows::new("location-tokens");
/// What the index has of a patient, by FHIR Patient id.
pub(super) const INDEXED: Rows<Indexed> = Rows::new("location-patients");
/// With whose key the index is made, under [`NOW`].
pub(super) const MADE_WITH: Rows<MadeWith> = Rows::new("location-made-with");
/// Whether a patient may be found, by FHIR Patient id.
pub(super) const CHOICES: Rows<bool> = Rows::new("location-choices");

/// The one row of [`MADE_WITH`].
pub(super) const NOW: &str = "now";

/// A token of a patient.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Held {
    pub(super) patient: String,
    pub(super) group: Digest,
}

/// The tokens of a patient.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Indexed {
    /// Of what they were made, under the storage key.
    pub(super) made_of: Digest,
    /// Their names.
    pub(super) tokens: Vec<Digest>,
    /// The groups of those that are identifiers.
    pub(super) identified: Vec<Digest>,
}

/// Whose key made the tokens.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct MadeWith {
    pub(super) helper: OrganisationId,
    /// The public half of the key.
    pub(super) key: Digest,
}

/// Under which name something of the index is kept: whoever has the tables and not the storage key can try nothing.
pub(super) fn name(gateway: &Gateway, kind: &str, what: &[u8]) -> Digest {
    const ROW: Label = Label::new(label::LOCATION_ROW);
    Digest(*derive(ROW, gateway.ports.storage.expose(), &[], &[kind.as_bytes(), what]).expose())
}

/// Takes a patient out of the index.
pub(super) fn drop(tx: &WriteTransaction, patient: &str) -> Result<(), StoreError> {
    let Some(indexed) = INDEXED.take(tx, patient)? else { return Ok(()) };
    for token in indexed.tokens {
        let key = token.to_string();
        let mut held = TOKENS.get_mut(tx, &key)?.unwrap_or_default();
        held.retain(|one| one.patient != patient);
        match held.is_empty() {
            true => TOKENS.take(tx, &key).map(|_| ())?,
            false => TOKENS.put(tx, &key, &held)?,
        }
    }
    Ok(())
}

/// Puts a patient's tokens into the index, in the place of those of before.
pub(super) fn put(
    tx: &WriteTransaction,
    patient: &str,
    indexed: &Indexed,
    groups: &[Digest],
) -> Result<(), StoreError> {
    drop(tx, patient)?;
    for (token, group) in indexed.tokens.iter().zip(groups) {
        let key = token.to_string();
        let mut held = TOKENS.get_mut(tx, &key)?.unwrap_or_default();
        held.push(Held { patient: patient.to_owned(), group: *group });
        TOKENS.put(tx, &key, &held)?;
    }
    INDEXED.put(tx, patient, indexed)
}

/// Empties the index.
pub(super) fn clear(tx: &WriteTransaction) -> Result<(), StoreError> {
    TOKENS.prune(tx, |_| false)?;
    INDEXED.prune(tx, |_| false)?;
    MADE_WITH.prune(tx, |_| false).map(|_| ())
}
