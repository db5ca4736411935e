//! The file of an accounting of disclosures: what an organisation's log has about a patient, signed, with proofs.

use super::parts::bytes;
use super::{EntryFile, ProofFileError};
use crate::access_log::Account;
use salus_types::{Digest, GrantId, NetworkId, OrganisationId, Signature, SigningKey, namespace};
use serde::{Deserialize, Serialize};

/// The `kind` of the file.
pub(super) const KIND: &str = "accounting";

/// The JSON form, see `docs/protocol/accounting.md`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct AccountingFile {
    version: u8,
    kind: String,
    /// What is stated.
    pub statement: Statement,
    /// The organisation as a member, when it signed.
    pub member: EntryFile,
    signature: String,
}

/// What an organisation states. The compact JSON text of it is what is signed.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Statement {
    /// The network.
    pub network: NetworkId,
    /// Whose log.
    pub organisation: OrganisationId,
    /// The organisation's name.
    pub name: String,
    /// FHIR Patient id there.
    pub patient: String,
    /// When it was made, in milliseconds since 1970-01-01 UTC.
    pub made_ms: u64,
    /// Only entries with a smaller number of the patient's are listed; left out if all that there were are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<u64>,
    /// What a check shows, in plain words.
    pub proven: Vec<String>,
    /// What rests on the organisation's word alone.
    pub stated: Vec<String>,
    /// The log's head on the ledger.
    pub anchor: LogAnchor,
    /// The patient's entries, oldest first, without gaps.
    pub entries: Vec<Listed>,
    /// The patient's grants over this organisation's records, and every reading under them.
    pub grants: Vec<ListedGrant>,
    /// Events of the ledger that entries name.
    pub events: Vec<EntryFile>,
}

/// The anchor up to which the log was looked through.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct LogAnchor {
    /// Its number.
    pub sequence: u64,
    /// What stands under its key.
    pub entry: EntryFile,
}

/// An entry of the log.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Listed {
    /// The patient's own number.
    pub number: u64,
    /// When, in milliseconds since 1970-01-01 UTC.
    pub time_ms: u64,
    /// What the line says, in plain words.
    pub says: Account,
    /// The exact line.
    pub line: String,
    /// Hashes that lead from it to the log's head.
    pub path: Vec<Digest>,
}

/// A grant over the organisation's records.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ListedGrant {
    /// The grant.
    pub grant: GrantId,
    /// What stands there of it: it counts the readings.
    pub entry: EntryFile,
    /// Every access event under it.
    pub readings: Vec<EntryFile>,
}

impl Statement {
    /// The bytes that are signed.
    pub(crate) fn signed_bytes(&self) -> Vec<u8> {
        // These types always serialise.
        serde_json::to_vec(self).unwrap_or_default()
    }
}

impl AccountingFile {
    /// Signs a statement with the node key of the member that `member` shows.
    pub fn sign(statement: Statement, member: EntryFile, key: &SigningKey) -> Self {
        let signature = key.sign(namespace::ACCOUNTING, &statement.signed_bytes());
        Self { version: 1, kind: KIND.to_owned(), statement, member, signature: hex::encode(signature.0) }
    }

    /// Reads the text of a file.
    ///
    /// # Errors
    /// [`ProofFileError`]; nothing is verified yet.
    pub fn parse(text: &str) -> Result<Self, ProofFileError> {
        let file: Self = serde_json::from_str(text)?;
        if file.version != 1 {
            return Err(ProofFileError::Field("version"));
        }
        if file.kind != KIND {
            return Err(ProofFileError::Field("kind"));
        }
        Ok(file)
    }

    /// The signature.
    ///
    /// # Errors
    /// [`ProofFileError::Field`].
    pub fn signature(&self) -> Result<Signature, ProofFileError> {
        let bytes = bytes(&self.signature, "signature")?;
        bytes.try_into().map(Signature).map_err(|_| ProofFileError::Field("signature"))
    }
}
