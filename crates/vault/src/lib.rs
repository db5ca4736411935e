//! Salus vault: sealed record versions, who keeps them, and when they are released.
//!
//! **Sealing** (`source`). The clinical engine's outbox gives every committed resource version, in order. A version
//! goes *stored -> sealed -> custody -> anchored*:
//! * sealed: compartment found or made, package sealed, `S` shared 2 of 3, batch written in one durable transaction
//!   together with the outbox cursor. From here nothing is sealed twice, and nothing is missed.
//! * custody: for every version, two of its three custodians have acknowledged, which they do once durable.
//! * anchored: the batch's root is final on the ledger. The third custodian is served for as long as it takes.
//!
//! **Releasing** (`custodian`). Upon a request: look up the ledger and the compartments, *decide* in one pure
//! function, and only with its answer, a type that nothing else can make, hand out shares (sealed to who asks) and
//! packages. Upon a patient's signed request: the owner of a compartment needs no access event.
//!
//! **Reading** (`reader`). A grantee lists what a grant reaches, puts the access event on the ledger, waits until it
//! is final, collects from any two custodians, opens, and checks every commitment against the anchored root.
//!
//! **Moving** (`source::moves`). When the custodians change, the source takes shares back from who holds them, makes
//! new ones, hands them to the new three, and has the old ones destroyed with receipts.
//!
//! **Emergencies** (`emergency`). A summary of what saves a life lies with up to five holders, under a key of which more
//! than half of them have shares, and opens to who broke the glass on the ledger.
//!
//! **Erasure** (`erasure`). What a source orders on the ledger to be erased, everybody who holds it destroys, and says so
//! on the ledger.
//!
//! **Letters** (`mailbox`). A patient's device writes to the grantee (terms and keys) and to the source (terms).
//!
//! **Patients** (`patient`). What the patient's device does; keeps nothing.
//!
//! Architecture invariants: the ledger, other nodes and the clinical engine are traits ([`Ledger`], [`Peers`],
//! [`Outbox`]) that the outside implements. No log line, error or metric of this crate names a patient, a resource
//! or a key. Nothing leaves this node before the record that remembers it is durable.

pub mod bench;
pub mod category;
mod codec;
pub mod combine;
pub mod custodian;
#[doc(hidden)]
pub mod decoders;
pub mod emergency;
mod envelope;
pub mod erasure;
mod ledger;
mod mailbox;
mod node;
mod outbox;
pub mod patient;
mod peers;
mod placement;
pub mod reader;
pub mod seal;
pub mod sharing;
pub mod source;
mod store;
pub mod suite;
mod vault;
mod wrap;

pub use envelope::{EnvelopeError, open_envelope, seal_envelope};
pub use ledger::{Finalised, Ledger, LedgerError, LedgerTime};
pub use mailbox::{GrantState, HeldGrant, Mailbox, MailboxError, Receipt, Received};
pub use node::{Clock, Node, system_clock};
pub use outbox::{Outbox, OutboxError, OutboxRow};
pub use peers::{PeerError, Peers};
pub use placement::{CUSTODIANS_PER_COMPARTMENT, TooFewCustodians, custodians_of};
pub use source::SourceError;
pub use store::{
    AnchoredBatch, Hold, Inspection, Snapshot, Store, StoreError, Tables, View, settle_restored,
};
pub use vault::{PatientAnswer, ProxyAnswer, Vault, VaultConfig, VaultError};

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
