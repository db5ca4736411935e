//! Between nodes: the routes that other organisations' nodes may call, and the client that calls theirs.
//!
//! Both ends speak TLS 1.3 and show a certificate that the membership pins ([`crate::tls`]), so every request
//! has a known sender: [`crate::PeerIdentity`]. Whether the sender may have what it asks for is decided by the
//! vault behind [`Keeper`], from its own ledger and from signatures, never from the connection alone.

mod certificate;
mod client;
mod connect;
mod keeper;
mod pool;
mod probe;
mod routes;
#[cfg(test)]
mod tests;

pub use crate::limits::COMPARTMENTS_PER_CALL_MAX;
pub use certificate::{CertificateError, make_certificate};
pub use client::{PeerError, Peers, Relayed};
pub(crate) use keeper::refused;
pub use keeper::{
    Challenges, CustodyReport, Keeper, Kept, Moves, NoKeeper, NodeStatus, PatientAnswer, ProxyAnswer, Queues,
    ReleaseAudit, ReleaseMismatch, WardAppointment,
};
pub use probe::probe;
pub(crate) use routes::{case, enrol, guardian, mailbox, node_status, patient, recovery, router};
