//! The light client: checks what a node says without trusting it, and without a network.
//!
//! [`Validators`] begin at genesis or at a checkpoint, and learn of each change from the certified word of those before
//! ([`salus_types::proof::Handover`]). So they know whose certificate counts in which epoch.
//!
//! A record proof is followed from the bottom up:
//!
//! 1. record secret, package header, ciphertext digest and plaintext digest give the record's commitment;
//! 2. the commitment is a leaf of the batch whose root the anchor of an organisation holds;
//! 3. the anchor stands in the ledger's state after a block, under a key that names the organisation;
//! 4. the block's header leads, parent by parent, to a header that at least 2f+1 validators of its epoch finalised.
//!
//! That block may be any later than the anchor. A state proof ([`verify_state`]) shows what is, or is not, under a key in
//! the state of such a header; what that means for a grant, an access event or a member, [`verify_entry`] says, and for
//! anchors [`verify_anchors`].
//!
//! Whoever holds the genesis therefore needs nobody's word. What it shows: these bytes were committed to by
//! this organisation at this time and have not changed since. What it does not show: that they are true; and it
//! does not show that no later handover exists: whoever leaves one out shows an older network, to which only those who
//! voted then could add.

mod access_log;
mod accounting;
mod anchor;
mod application_file;
mod certificate;
mod chain;
mod checkpoint_file;
mod entry;
mod erasure;
mod file;
mod genesis_file;
mod record;
mod shown;
mod state;
mod validators;
mod words;

pub use access_log::{
    Account, AnchorFile, LogAudit, LogError, LogFault, LogHead, Position, Side, VerifiedLog,
};
pub use accounting::{AccountingError, Disclosed, PROVEN, STATED, VerifiedAccounting, verify_accounting};
pub use anchor::{AnchorError, VerifiedAnchor, verify_anchors};
pub use application_file::{Application, ApplicationFile, ApplicationFileError, ApplicationFileOrganisation};
pub use certificate::CertificateError;
pub use chain::{ChainError, ChainHeader, verify_certified_header, verify_chain};
pub use checkpoint_file::{CheckpointFile, CheckpointFileError};
pub use entry::{EntryError, EntryProof, Found, Subject, VerifiedEntry, verify_entry};
pub use erasure::{ErasureError, VerifiedErasure, verify_erasure};
pub use file::{
    AccountingFile, AnyProofFile, EntryFile, ErasureFile, ErasureOrderFile, Listed, ListedGrant, LogAnchor,
    ProofFile, ProofFileError, ReceiptFile, Statement,
};
pub use genesis_file::{GenesisFile, GenesisFileError};
pub use record::{RecordError, VerifiedRecord, verify_anchored_record, verify_record};
pub use shown::ShownError;
pub use state::{StateError, verify_state};
pub use validators::{HandoverError, KeysError, Validators};

#[cfg(test)]
mod tests;
