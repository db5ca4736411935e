//! An application: an organisation as it wants to be a member, in a file that people can read and that its own node key
//! has signed. Members put it to the vote, to admit the organisation or to update its entry.
//!
//! As in [`crate::GenesisFile`], the canonical encoding is what counts, and the readable fields are checked against it.

use commonware_codec::Encode;
use salus_types::governance::accepts;
use salus_types::organisation::{Class, KEM_KEY_LENGTH, Organisation};
use salus_types::{Digest, NetworkId, OrganisationId, PublicKey, Signature, decode_canonical};
use serde::{Deserialize, Serialize};

/// Why an application is refused.
#[derive(Debug, thiserror::Error)]
pub enum ApplicationFileError {
    /// Not JSON, or not of this form.
    #[error("not an application")]
    Json(#[from] serde_json::Error),
    /// The encoded organisation does not decode.
    #[error("the encoded organisation is malformed")]
    Encoding,
    /// The readable part tells something else than the encoded part.
    #[error("the readable part of the application differs from the encoded part")]
    Differs,
    /// The signature is not one by the organisation's node key, for this network.
    #[error("the organisation has not accepted its own entry in this network")]
    Acceptance,
}

/// An organisation as it wants to be a member, and its signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Application {
    /// The organisation.
    pub organisation: Organisation,
    /// [`salus_types::governance::accept`] by its node key.
    pub acceptance: Signature,
}

/// The file's form.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApplicationFile {
    /// The organisation for people to read.
    pub organisation: ApplicationFileOrganisation,
    /// Its canonical encoding, in hexadecimal digits.
    pub encoded: String,
    /// The signature of its node key.
    pub acceptance: Signature,
}

/// The organisation in the file. Of its keys, that for sealed messages stands in the encoding alone: it is long.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ApplicationFileOrganisation {
    /// Short name.
    pub id: OrganisationId,
    /// Name.
    pub name: String,
    /// Class.
    pub class: Class,
    /// Whether it votes.
    pub validator: bool,
    /// Whether it keeps sealed packages and shares.
    pub custodian: bool,
    /// Its node key.
    pub node_key: PublicKey,
    /// SHA-256 of its TLS certificate.
    pub tls_certificate: Digest,
    /// `host:port` of its node in the ledger's network.
    pub ledger_address: String,
    /// URL of its node for other nodes.
    pub peer_url: String,
    /// URL of its portal.
    pub portal_url: String,
}

impl From<&Organisation> for ApplicationFileOrganisation {
    fn from(organisation: &Organisation) -> Self {
        Self {
            id: organisation.id.clone(),
            name: organisation.name.as_str().to_owned(),
            class: organisation.class,
            validator: organisation.validator,
            custodian: organisation.custodian,
            node_key: organisation.node_key,
            tls_certificate: organisation.tls_certificate,
            ledger_address: organisation.ledger_address.as_str().to_owned(),
            peer_url: organisation.peer_url.as_str().to_owned(),
            portal_url: organisation.portal_url.as_str().to_owned(),
        }
    }
}

impl ApplicationFile {
    /// The file of an application.
    pub fn of(application: &Application) -> Self {
        Self {
            organisation: (&application.organisation).into(),
            encoded: hex::encode(application.organisation.encode()),
            acceptance: application.acceptance,
        }
    }

    /// Reads the text of a file and checks it for a network.
    ///
    /// # Errors
    /// [`ApplicationFileError`].
    pub fn parse(text: &str, network: &NetworkId) -> Result<Application, ApplicationFileError> {
        serde_json::from_str::<Self>(text)?.check(network)
    }

    /// Checks the file for a network: that it says what it encodes, and that the organisation has signed it.
    ///
    /// # Errors
    /// [`ApplicationFileError`].
    pub fn check(&self, network: &NetworkId) -> Result<Application, ApplicationFileError> {
        let bytes = hex::decode(&self.encoded).map_err(|_| ApplicationFileError::Encoding)?;
        let organisation: Organisation =
            decode_canonical(&bytes).map_err(|_| ApplicationFileError::Encoding)?;
        if organisation.kem_key.len() != KEM_KEY_LENGTH {
            return Err(ApplicationFileError::Encoding);
        }
        let application = Application { organisation, acceptance: self.acceptance };
        if Self::of(&application) != *self {
            return Err(ApplicationFileError::Differs);
        }
        if !accepts(network, &application.organisation, &application.acceptance) {
            return Err(ApplicationFileError::Acceptance);
        }
        Ok(application)
    }
}
