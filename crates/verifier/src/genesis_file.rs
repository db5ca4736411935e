//! `genesis.json`: the genesis as a file that people can read and programs can trust.
//!
//! The canonical encoding is what counts; the readable fields beside it are checked against it, so that a
//! reader is never shown anything else than what is verified.

use commonware_codec::Encode;
use salus_types::genesis::{Genesis, GenesisError};
use salus_types::organisation::Class;
use salus_types::{NetworkId, OrganisationId, PublicKey, decode_canonical};
use serde::{Deserialize, Serialize};

/// Why a genesis file is refused.
#[derive(Debug, thiserror::Error)]
pub enum GenesisFileError {
    /// Not JSON, or not of this form.
    #[error("not a genesis file: {0}")]
    Json(#[from] serde_json::Error),
    /// The encoded genesis does not decode.
    #[error("the encoded genesis is malformed")]
    Encoding,
    /// The genesis breaks a rule.
    #[error(transparent)]
    Rule(#[from] GenesisError),
    /// The readable part tells something else than the encoded part.
    #[error("the readable part of the genesis differs from the encoded part")]
    Differs,
}

/// The file's form.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GenesisFile {
    /// Name of the network.
    pub name: String,
    /// Id of the network.
    pub network: NetworkId,
    /// Time of the genesis block in milliseconds since 1970-01-01 UTC.
    pub time_ms: u64,
    /// The organisations.
    pub organisations: Vec<GenesisFileOrganisation>,
    /// The canonical encoding, in hexadecimal digits.
    pub encoded: String,
}

/// An organisation in the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GenesisFileOrganisation {
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
}

impl GenesisFile {
    /// The file of a genesis.
    pub fn of(genesis: &Genesis) -> Self {
        let organisations = genesis.organisations.iter().map(|organisation| GenesisFileOrganisation {
            id: organisation.id.clone(),
            name: organisation.name.as_str().to_owned(),
            class: organisation.class,
            validator: organisation.validator,
            custodian: organisation.custodian,
            node_key: organisation.node_key,
        });
        Self {
            name: genesis.name.as_str().to_owned(),
            network: genesis.network(),
            time_ms: genesis.time_ms,
            organisations: organisations.collect(),
            encoded: hex::encode(genesis.encode()),
        }
    }

    /// Reads and checks the text of a file.
    ///
    /// # Errors
    /// [`GenesisFileError`].
    pub fn parse(text: &str) -> Result<Genesis, GenesisFileError> {
        let file: Self = serde_json::from_str(text)?;
        let bytes = hex::decode(&file.encoded).map_err(|_| GenesisFileError::Encoding)?;
        let genesis: Genesis = decode_canonical(&bytes).map_err(|_| GenesisFileError::Encoding)?;
        genesis.check()?;
        if Self::of(&genesis) != file {
            return Err(GenesisFileError::Differs);
        }
        Ok(genesis)
    }
}
