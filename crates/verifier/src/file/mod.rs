//! The JSON files in which proofs travel. Binary parts are lower-case hexadecimal digits, so that a value has one text.
//!
//! Architecture invariant: reading a file verifies nothing.

mod accounting;
mod entry;
mod erasure;
mod parts;
mod record;

pub use accounting::{AccountingFile, Listed, ListedGrant, LogAnchor, Statement};
pub use entry::EntryFile;
pub use erasure::{ErasureFile, ErasureOrderFile, ReceiptFile};
pub use record::ProofFile;

use serde::Deserialize;

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

/// A proof file of any kind.
#[derive(Clone, Debug)]
pub enum AnyProofFile {
    /// Of a record; it names no kind.
    Record(Box<ProofFile>),
    /// Of what the ledger's state held.
    Entry(EntryFile),
    /// Of an erasure.
    Erasure(ErasureFile),
    /// Of who looked at a patient's record.
    Accounting(Box<AccountingFile>),
}

#[derive(Deserialize)]
struct Kind {
    #[serde(default)]
    kind: Option<String>,
}

impl AnyProofFile {
    /// Reads the text of a file.
    ///
    /// # Errors
    /// [`ProofFileError`]; nothing is verified yet.
    pub fn parse(text: &str) -> Result<Self, ProofFileError> {
        let Kind { kind } = serde_json::from_str(text)?;
        match kind {
            Some(kind) if kind == erasure::KIND => Ok(Self::Erasure(ErasureFile::parse(text)?)),
            Some(kind) if kind == accounting::KIND => {
                Ok(Self::Accounting(Box::new(AccountingFile::parse(text)?)))
            }
            None => Ok(Self::Record(Box::new(ProofFile::parse(text)?))),
            Some(_) => Ok(Self::Entry(EntryFile::parse(text)?)),
        }
    }
}
