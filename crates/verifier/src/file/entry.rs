//! The file of a proof of what the ledger's state held after a block, or did not.

use super::ProofFileError;
use super::parts::{block, bytes, encode_handovers, encode_headers, handovers};
use crate::entry::{EntryProof, Subject};
use salus_types::Digest;
use salus_types::proof::Handover;
use salus_types::state::StateValue;
use serde::{Deserialize, Serialize};

/// The JSON form, see `docs/protocol/certificates.md`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct EntryFile {
    version: u8,
    kind: String,
    id: Digest,
    /// Left out where the file shows that nothing is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    value: Option<String>,
    proof: String,
    headers: Vec<String>,
    certificate: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    handovers: Vec<String>,
}

impl EntryFile {
    /// The file of a proof, with those of `handovers`, which begin at genesis, that lead to the validators of its
    /// block's epoch.
    pub fn of(subject: &Subject, proof: &EntryProof, handovers: &[Handover]) -> Self {
        Self {
            version: 1,
            kind: subject.kind().to_owned(),
            id: subject.id(),
            value: proof.value.as_deref().map(hex::encode),
            proof: hex::encode(&proof.proof),
            headers: encode_headers(&proof.block),
            certificate: hex::encode(&*proof.block.certificate),
            handovers: encode_handovers(&proof.block, handovers),
        }
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
        Ok(file)
    }

    /// What the proof is about.
    ///
    /// # Errors
    /// [`ProofFileError::Field`], if the kind is unknown.
    pub fn subject(&self) -> Result<Subject, ProofFileError> {
        Subject::new(&self.kind, self.id).ok_or(ProofFileError::Field("kind"))
    }

    /// The proof that the file holds.
    ///
    /// # Errors
    /// [`ProofFileError`], naming the first field that does not decode.
    pub fn proof(&self) -> Result<EntryProof, ProofFileError> {
        let value = self.value.as_deref().map(|value| bytes(value, "value")).transpose()?;
        let value = value.map(StateValue::new).transpose().map_err(|_| ProofFileError::TooLarge)?;
        Ok(EntryProof {
            block: block(&self.headers, &self.certificate)?,
            value,
            proof: bytes(&self.proof, "proof")?,
        })
    }

    /// The handovers that the file holds.
    ///
    /// # Errors
    /// [`ProofFileError`], if one does not decode.
    pub fn handovers(&self) -> Result<Vec<Handover>, ProofFileError> {
        handovers(&self.handovers)
    }
}
