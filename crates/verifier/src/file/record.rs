//! The file of a record proof.

use super::ProofFileError;
use super::parts::{block, bytes, decode, encode_handovers, encode_headers, handovers};
use commonware_codec::Encode;
use salus_crypto::merkle::InclusionProof;
use salus_types::proof::{AnchorProof, BatchId, Handover, RecordProof};
use salus_types::{Bounded, Digest};
use serde::{Deserialize, Serialize};

/// The JSON form of a record proof, see `docs/protocol/api.md`. Binary parts are lower-case hexadecimal.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ProofFile {
    version: u8,
    package: String,
    ciphertext_digest: Digest,
    plaintext_digest: Digest,
    r: String,
    batch_path: InclusionProof,
    anchor: AnchorFile,
    headers: Vec<String>,
    certificate: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    handovers: Vec<String>,
    /// The record's exact text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct AnchorFile {
    organisation: String,
    sequence: u64,
    entry: String,
    proof: String,
}

impl ProofFile {
    /// The file of a proof, with those of `handovers`, which begin at genesis, that lead to the validators of its
    /// block's epoch, and with the record's text if it may leave with it.
    pub fn of(proof: &RecordProof, handovers: &[Handover], resource: Option<String>) -> Self {
        Self {
            version: 1,
            package: hex::encode(proof.package.encode()),
            ciphertext_digest: proof.ciphertext_digest,
            plaintext_digest: proof.plaintext_digest,
            r: hex::encode(proof.r),
            batch_path: proof.batch_path.clone(),
            anchor: AnchorFile {
                organisation: proof.anchor.batch.organisation.to_string(),
                sequence: proof.anchor.batch.sequence,
                entry: hex::encode(proof.anchor.entry.encode()),
                proof: hex::encode(&*proof.anchor.proof),
            },
            headers: encode_headers(&proof.block),
            certificate: hex::encode(&*proof.block.certificate),
            handovers: encode_handovers(&proof.block, handovers),
            resource,
        }
    }

    /// The handovers that the file holds.
    ///
    /// # Errors
    /// [`ProofFileError`], if one does not decode.
    pub fn handovers(&self) -> Result<Vec<Handover>, ProofFileError> {
        handovers(&self.handovers)
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

    /// The proof that the file holds.
    ///
    /// # Errors
    /// [`ProofFileError`], naming the first field that does not decode.
    pub fn proof(&self) -> Result<RecordProof, ProofFileError> {
        Ok(RecordProof {
            package: decode(&self.package, "package")?,
            ciphertext_digest: self.ciphertext_digest,
            plaintext_digest: self.plaintext_digest,
            r: bytes(&self.r, "r")?.try_into().map_err(|_| ProofFileError::Field("r"))?,
            batch_path: self.batch_path.clone(),
            anchor: self.anchor.proof()?,
            block: block(&self.headers, &self.certificate)?,
        })
    }
}

impl AnchorFile {
    fn proof(&self) -> Result<AnchorProof, ProofFileError> {
        let organisation = self.organisation.parse().map_err(|_| ProofFileError::Field("organisation"))?;
        Ok(AnchorProof {
            batch: BatchId { organisation, sequence: self.sequence },
            entry: decode(&self.entry, "entry")?,
            proof: Bounded::new(bytes(&self.proof, "proof")?).map_err(|_| ProofFileError::TooLarge)?,
        })
    }
}
