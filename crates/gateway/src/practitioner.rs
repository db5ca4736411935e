//! Practitioners of this organisation, and the credential whose salted commitment the ledger carries.

use crate::error::{Code, Error};
use crate::store::{Rows, Store, StoreError};
use commonware_codec::Encode as _;
use salus_crypto::random;
use salus_types::{Digest, OrganisationId, PractitionerCredential, Text, decode_canonical};
use serde::{Deserialize, Serialize};

pub use salus_policy::Role;

const PRACTITIONERS: Rows<Practitioner> = Rows::new("practitioners");

/// Somebody who works here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Practitioner {
    /// FHIR Practitioner id here.
    pub id: String,
    /// Name shown to people.
    pub name: String,
    /// Role.
    pub role: Role,
    /// Commitment on the ledger.
    pub commitment: Digest,
    /// The credential's encoding in hex; opens the commitment to patients and auditors.
    credential: String,
}

impl Practitioner {
    /// The credential that opens the commitment.
    pub fn credential(&self) -> Option<PractitionerCredential> {
        decode_canonical(&hex::decode(&self.credential).ok()?).ok()
    }
}

/// The directory; cheap to clone.
#[derive(Clone)]
pub struct Practitioners(Store);

impl Practitioners {
    pub(crate) fn new(store: Store) -> Self {
        Self(store)
    }

    /// Adds somebody with a fresh credential, or returns who is there already under that id. The caller puts
    /// the commitment on the ledger ([`salus_types::action::RegisterPractitioner`]).
    ///
    /// # Errors
    /// [`Code::Invalid`] for an empty or too long id or name; [`Code::Conflict`] if the id is taken by
    /// somebody with another name or role.
    pub async fn register(
        &self,
        organisation: &OrganisationId,
        id: &str,
        name: &str,
        role: Role,
    ) -> Result<Practitioner, Error> {
        let new = make(organisation, id, name, role)?;
        let kept = self
            .0
            .write(move |tx| {
                if let Some(there) = PRACTITIONERS.get_mut(tx, &new.id)? {
                    return Ok::<_, StoreError>((there, new));
                }
                PRACTITIONERS.put(tx, &new.id, &new)?;
                Ok((new.clone(), new))
            })
            .await?;
        let (there, new) = kept;
        if (&there.name, there.role) != (&new.name, new.role) {
            return Err(Error::new(Code::Conflict, "the practitioner id is taken"));
        }
        Ok(there)
    }

    /// Who has an id.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn find(&self, id: &str) -> Result<Option<Practitioner>, StoreError> {
        self.0.read(|tx| PRACTITIONERS.get(tx, id))
    }

    /// Everybody, by id; at most 10,000.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn all(&self) -> Result<Vec<Practitioner>, StoreError> {
        let rows = self.0.read(|tx| PRACTITIONERS.scan(tx, "", 10_000))?;
        Ok(rows.into_iter().map(|(_, practitioner)| practitioner).collect())
    }
}

fn make(organisation: &OrganisationId, id: &str, name: &str, role: Role) -> Result<Practitioner, Error> {
    let refuse = || Error::new(Code::Invalid, "the practitioner's id or name is empty or too long");
    if !crate::fhir::is_id(id) || name.is_empty() {
        return Err(refuse());
    }
    let credential = PractitionerCredential {
        organisation: organisation.clone(),
        practitioner: Text::new(id).map_err(|_| refuse())?,
        name: Text::new(name).map_err(|_| refuse())?,
        role: Text::new(role.as_str()).map_err(|_| refuse())?,
        salt: random::bytes(),
    };
    Ok(Practitioner {
        id: id.to_owned(),
        name: name.to_owned(),
        role,
        commitment: credential.commitment(),
        credential: hex::encode(credential.encode()),
    })
}
