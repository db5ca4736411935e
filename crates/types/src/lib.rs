//! Everything that the organisations of a Salus network exchange, sign or hash, in one canonical encoding.
//!
//! Clients, verifiers and nodes share these types; executing them is the business of `salus-ledger`.
//! Architecture invariant: no I/O, no clock, no randomness; nothing here decides anything.

pub mod access_log;
pub mod action;
pub mod block;
pub mod category;
pub mod codec;
pub mod contradiction;
pub mod emergency;
pub mod erasure;
pub mod genesis;
pub mod governance;
pub mod ids;
pub mod keystore;
pub mod label;
pub mod membership;
pub mod namespace;
pub mod organisation;
pub mod proof;
pub mod proxy;
pub mod recovery;
pub mod state;
pub mod transaction;
pub mod vault;

pub use codec::{Bounded, DecodeError, Text, decode_canonical};
pub use ids::{
    AccessId, Address, AppointmentId, CompartmentId, EmergencyId, ErasureId, GrantId, NetworkId,
    OrganisationId, PractitionerCredential, ProposalId, RecoveryId, TransactionId, UnknownName, VersionId,
};
pub use salus_crypto::hash::Digest;
pub use salus_crypto::sign::{PublicKey, Signature, SigningKey};

#[cfg(test)]
mod tests;
