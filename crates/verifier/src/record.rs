//! Record proofs, and the JSON file in which they travel.

use crate::certificate::Validators;
use crate::transaction::{TransactionError, VerifiedTransaction, verify_transaction};
use commonware_codec::{Encode, Read};
use salus_crypto::hash::sha256;
use salus_crypto::merkle::{InclusionProof, leaf_hash};
use salus_types::action::Action;
use salus_types::genesis::Genesis;
use salus_types::proof::{CertifiedHeader, RecordProof, TransactionProof};
use salus_types::vault::{batch_size, package_digest, record_commitment};
use salus_types::{Bounded, Digest, OrganisationId, decode_canonical};
use serde::{Deserialize, Serialize};

/// Why a record proof fails.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// The anchor is not shown to be final.
    #[error(transparent)]
    Anchor(#[from] TransactionError),
    /// The transaction is not an anchor.
    #[error("the transaction does not anchor records")]
    NotAnAnchor,
    /// The anchor is not signed by the organisation that it names.
    #[error("the anchor is not signed by the organisation that it names")]
    Signer,
    /// The record is not in the anchored batch.
    #[error("the record is not in the anchored batch")]
    NotInBatch,
    /// The record's text is not what was anchored.
    #[error("the record's text differs from what was anchored")]
    Text,
}

/// What a record proof shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedRecord {
    /// The organisation that committed to the record.
    pub source: OrganisationId,
    /// Where and when.
    pub anchored: VerifiedTransaction,
    /// SHA-256 of the exact bytes of the record.
    pub plaintext_digest: Digest,
}

/// Checks a record proof against the genesis; `text` is the record's exact text, if it is at hand.
///
/// # Errors
/// [`RecordError`], naming the first check that fails.
pub fn verify_record(
    genesis: &Genesis,
    proof: &RecordProof,
    text: Option<&str>,
) -> Result<VerifiedRecord, RecordError> {
    if text.is_some_and(|text| sha256(text.as_bytes()) != proof.plaintext_digest) {
        return Err(RecordError::Text);
    }
    let anchored = verify_transaction(&Validators::of_genesis(genesis), &proof.anchor)?;
    let Action::Anchor(anchor) = &proof.anchor.transaction.action else {
        return Err(RecordError::NotAnAnchor);
    };
    let source = genesis.organisation(&anchor.organisation).ok_or(RecordError::Signer)?;
    if source.node_key != proof.anchor.transaction.signer {
        return Err(RecordError::Signer);
    }
    let package = package_digest(&proof.package, &proof.ciphertext_digest);
    let leaf = record_commitment(&proof.r, &package, &proof.plaintext_digest);
    if Some(proof.batch_path.size) != batch_size(anchor.size_class).map(|size| size as u64) {
        return Err(RecordError::NotInBatch);
    }
    proof.batch_path.verify(&leaf_hash(leaf), &anchor.batch_root).map_err(|_| RecordError::NotInBatch)?;
    Ok(VerifiedRecord { source: source.id.clone(), anchored, plaintext_digest: proof.plaintext_digest })
}

/// Why a proof file cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ProofFileError {
    /// Not JSON, or not of this form.
    #[error("not a proof file: {0}")]
    Json(#[from] serde_json::Error),
    /// A field does not hold what it should.
    #[error("the field `{0}` is malformed")]
    Field(&'static str),
    /// Too large for a proof.
    #[error("the proof is too large")]
    TooLarge,
}

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
    /// The record's exact text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct AnchorFile {
    transaction: String,
    path: InclusionProof,
    headers: Vec<String>,
    certificate: String,
}

impl ProofFile {
    /// The file of a proof, with the record's text if it may leave with it.
    pub fn of(proof: &RecordProof, resource: Option<String>) -> Self {
        Self {
            version: 1,
            package: hex::encode(proof.package.encode()),
            ciphertext_digest: proof.ciphertext_digest,
            plaintext_digest: proof.plaintext_digest,
            r: hex::encode(proof.r),
            batch_path: proof.batch_path.clone(),
            anchor: AnchorFile {
                transaction: hex::encode(proof.anchor.transaction.encode()),
                path: proof.anchor.path.clone(),
                headers: proof
                    .anchor
                    .block
                    .headers
                    .iter()
                    .map(|header| hex::encode(header.encode()))
                    .collect(),
                certificate: hex::encode(&*proof.anchor.block.certificate),
            },
            resource,
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

    /// The proof that the file holds.
    ///
    /// # Errors
    /// [`ProofFileError`], naming the first field that does not decode.
    pub fn proof(&self) -> Result<RecordProof, ProofFileError> {
        let headers =
            self.anchor.headers.iter().map(|header| decode(header, "headers")).collect::<Result<_, _>>()?;
        Ok(RecordProof {
            package: decode(&self.package, "package")?,
            ciphertext_digest: self.ciphertext_digest,
            plaintext_digest: self.plaintext_digest,
            r: bytes(&self.r, "r")?.try_into().map_err(|_| ProofFileError::Field("r"))?,
            batch_path: self.batch_path.clone(),
            anchor: TransactionProof {
                transaction: decode(&self.anchor.transaction, "transaction")?,
                path: self.anchor.path.clone(),
                block: CertifiedHeader {
                    headers: Bounded::new(headers).map_err(|_| ProofFileError::TooLarge)?,
                    certificate: Bounded::new(bytes(&self.anchor.certificate, "certificate")?)
                        .map_err(|_| ProofFileError::TooLarge)?,
                },
            },
        })
    }
}

/// Lower-case hexadecimal digits only: one value, one text.
fn bytes(text: &str, field: &'static str) -> Result<Vec<u8>, ProofFileError> {
    if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Err(ProofFileError::Field(field));
    }
    hex::decode(text).map_err(|_| ProofFileError::Field(field))
}

fn decode<T: Read<Cfg = ()> + Encode>(text: &str, field: &'static str) -> Result<T, ProofFileError> {
    decode_canonical(&bytes(text, field)?).map_err(|_| ProofFileError::Field(field))
}
