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

pub use certificate::{CertificateError, make_certificate};
pub use client::{PeerError, Peers, Relayed};
pub(crate) use keeper::refused;
pub use keeper::{Keeper, Moves, NoKeeper, NodeStatus, PatientAnswer, Queues};
pub use probe::probe;
pub(crate) use routes::{enrol, mailbox, node_status, patient, router};

/// Largest batch in custody: 4,096 versions with their packages.
pub(crate) const CUSTODY_BYTES_MAX: usize = 256 * 1024 * 1024;
/// Largest list of compartment records: 4,096 of about 300 bytes.
pub(crate) const COMPARTMENTS_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Largest link.
pub(crate) const LINK_BYTES_MAX: usize = 4 * 1024;
/// Largest note about an anchor.
pub(crate) const ANCHORED_BYTES_MAX: usize = 1_024;
/// Largest request for the versions that a grant reaches.
pub(crate) const VERSIONS_BYTES_MAX: usize = 64 * 1024;
/// Largest request for a release: 4,096 versions by id.
pub(crate) const RELEASE_BYTES_MAX: usize = 256 * 1024;
/// Largest request of a source for its own: 4,096 versions by id.
pub(crate) const GIVE_BACK_BYTES_MAX: usize = 256 * 1024;
/// Largest request of a source to destroy, which names no versions.
pub(crate) const DESTROY_BYTES_MAX: usize = 1_024;
/// Largest request of a patient: 4,096 versions by id.
pub(crate) const PATIENT_BYTES_MAX: usize = 256 * 1024;
/// Largest sealed enrolment.
pub(crate) const ENROL_BYTES_MAX: usize = 16 * 1024;
/// Largest sealed letter or notice: 64 keys.
pub(crate) const MAILBOX_BYTES_MAX: usize = 64 * 1024;
/// Largest sealed list of epoch keys.
pub(crate) const KEYS_BYTES_MAX: usize = 64 * 1024;
/// Largest answer of another node: a release with its packages.
pub(crate) const ANSWER_BYTES_MAX: usize = 1024 * 1024 * 1024;
/// Most compartment records in one call.
pub const COMPARTMENTS_PER_CALL_MAX: usize = 4_096;
