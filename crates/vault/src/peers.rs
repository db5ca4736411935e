//! Other organisations' nodes as the vault sees them. "To self" is a peer like any other.

use async_trait::async_trait;
use salus_types::organisation::Organisation;
use salus_types::vault::{
    CompartmentRecord, CustodyBatch, Destroyed, EmergencyAsk, EmergencyNotice, EmergencyParcel,
    EmergencyRelease, ErasureNotice, PatientLink, Release, ReleaseAsk, ReleaseForGrant, SealedEnvelope,
    SourceRequest, VersionList,
};
use salus_types::{ErasureId, OrganisationId};

/// Why a peer does not do what is asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PeerError {
    /// It does not answer, or not in time.
    #[error("the organisation does not answer")]
    Unavailable,
    /// It answers, and refuses.
    #[error("the organisation refuses: {0}")]
    Refused(String),
}

/// Connections to other nodes. The implementation sets time limits ([`PeerError::Unavailable`]).
#[async_trait]
pub trait Peers: Send + Sync + 'static {
    /// Hands a batch to a custodian; `Ok` once it is durable there.
    async fn put_custody(&self, to: &OrganisationId, batch: CustodyBatch) -> Result<(), PeerError>;

    /// Hands compartment records to a custodian; `Ok` once durable there.
    async fn put_compartments(
        &self,
        to: &OrganisationId,
        records: Vec<CompartmentRecord>,
    ) -> Result<(), PeerError>;

    /// Hands a patient link to a custodian; `Ok` once durable there.
    async fn put_link(&self, to: &OrganisationId, link: PatientLink) -> Result<(), PeerError>;

    /// Hands keys of new epochs to a grantee; `Ok` once durable there.
    async fn put_keys(&self, to: &OrganisationId, keys: SealedEnvelope) -> Result<(), PeerError>;

    /// Asks a custodian which versions a grant reaches.
    async fn versions(&self, to: &OrganisationId, ask: ReleaseAsk) -> Result<VersionList, PeerError>;

    /// Asks a custodian to release against an access event.
    async fn release(&self, to: &OrganisationId, ask: ReleaseForGrant) -> Result<Release, PeerError>;

    /// Asks a custodian, as the ledger has it or had it last, for what this source sealed
    /// ([`salus_types::vault::SourceAsk::Shares`] and `Release`).
    async fn give_back(&self, to: &Organisation, request: SourceRequest) -> Result<Release, PeerError>;

    /// Tells a custodian, as the ledger has it or had it last, to destroy what newer shares of this source replace; `Ok`
    /// once nothing is left there.
    async fn destroy(&self, to: &Organisation, request: SourceRequest) -> Result<Destroyed, PeerError>;

    /// Hands an emergency summary and a share of its key to a holder, or takes them back; `Ok` once durable there.
    async fn put_emergency(&self, to: &OrganisationId, parcel: EmergencyParcel) -> Result<(), PeerError>;

    /// Asks a holder to release its share of an emergency key.
    async fn release_emergency(
        &self,
        to: &OrganisationId,
        ask: EmergencyAsk,
    ) -> Result<EmergencyRelease, PeerError>;

    /// Tells a source that its emergency summary was opened; `Ok` once it has noted it down.
    async fn tell_emergency(&self, to: &OrganisationId, notice: EmergencyNotice) -> Result<(), PeerError>;

    /// Asks a member for the notice that opens an order to erase; refused if it does not have it.
    async fn erasure_notice(
        &self,
        to: &OrganisationId,
        erasure: ErasureId,
    ) -> Result<ErasureNotice, PeerError>;
}
