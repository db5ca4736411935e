//! The file of an erasure's dossier: its orders, what opens them, and what the ledger has of everybody's receipts.

use super::parts::bytes;
use super::{EntryFile, ProofFileError};
use salus_types::vault::ErasureNotice;
use salus_types::{OrganisationId, decode_canonical};
use serde::{Deserialize, Serialize};

/// The `kind` of the file.
pub(super) const KIND: &str = "erasure";

/// The JSON form, see `docs/protocol/certificates.md`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ErasureFile {
    version: u8,
    kind: String,
    /// The orders.
    pub orders: Vec<ErasureOrderFile>,
}

/// One order.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ErasureOrderFile {
    /// An [`ErasureNotice`], in hexadecimal digits.
    pub notice: String,
    /// The order on the ledger.
    pub order: EntryFile,
    /// What is, or is not, on the ledger of each member.
    pub receipts: Vec<ReceiptFile>,
}

/// The receipt of a member, or that there is none.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ReceiptFile {
    /// The member.
    pub organisation: OrganisationId,
    /// What stands under the key of its receipt.
    pub entry: EntryFile,
}

impl ErasureFile {
    /// The file of some orders.
    pub fn new(orders: Vec<ErasureOrderFile>) -> Self {
        Self { version: 1, kind: KIND.to_owned(), orders }
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
}

impl ErasureOrderFile {
    /// What the order erases.
    ///
    /// # Errors
    /// [`ProofFileError::Field`].
    pub fn notice(&self) -> Result<ErasureNotice, ProofFileError> {
        let bytes = bytes(&self.notice, "notice")?;
        decode_canonical(&bytes).map_err(|_| ProofFileError::Field("notice"))
    }
}
