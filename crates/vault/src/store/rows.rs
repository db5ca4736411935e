//! What the tables hold.

use super::Sealed;
use crate::codec::record;
use salus_crypto::merkle::InclusionProof;
use salus_types::category::Category;
use salus_types::vault::{EmergencyPackage, ErasureNotice, PackageHeader, PatientLink, WRAPPED_KEY_LENGTH};
use salus_types::{
    Address, Bounded, CompartmentId, Digest, GrantId, OrganisationId, PublicKey, Signature, Text,
};

/// Value of a table whose keys say everything.
pub(crate) type Mark = u8;

/// The value of every mark.
pub(crate) const MARK: Mark = 1;

/// A sealed 32-byte key.
pub(crate) type SealedKey = Sealed;

/// Leaves of a batch, in order.
pub(crate) type Leaves = Bounded<Digest, 4_096>;

/// Longest FHIR type, id or version in bytes; FHIR allows 64.
pub(crate) type Name = Text<128>;

record! {
    /// A batch that this source sealed.
    pub(crate) struct BatchRow {
        root: Digest,
        size_class: u8,
        versions: u32,
        up_to: u64,
        custodians: Bounded<OrganisationId, 256>,
        acked: Bounded<u8, 256>,
        state: u8,
        height: u64,
        /// Which shares the custodians have: how often they were made anew.
        generation: u32,
        /// SHA-256 of the pack with which it went out first.
        pack: Digest,
    }

    /// A version of a FHIR resource, by name.
    pub(crate) struct ResourceName {
        kind: Name,
        id: Name,
        version: Name,
    }

    /// A FHIR resource, by name.
    pub(crate) struct ErasedResource {
        kind: Name,
        id: Name,
    }

    /// An order to erase, as far as it is carried out here.
    pub(crate) struct ErasureRow {
        notice: ErasureNotice,
        state: u8,
        /// How many of the versions were here.
        versions: u32,
        /// At the source: the batches in which they lie.
        batches: Bounded<u64, 4_096>,
        /// At the source, until they are gone: the resources.
        resources: Bounded<ErasedResource, 4_096>,
        /// Until the copies are gone: the grants under which they came.
        grants: Bounded<GrantId, 65_536>,
    }

    /// A version that this source sealed: what its proof needs.
    pub(crate) struct VersionRow {
        sequence: u64,
        leaf: u32,
        package: PackageHeader,
        ciphertext_digest: Digest,
        plaintext_digest: Digest,
        r: Sealed,
        /// Of what it is a version.
        resource: ResourceName,
        /// Binds the custodians' shares, of the batch's generation.
        share_commitments: [Digest; 3],
    }

    /// A batch on its way to other custodians ([`crate::source::moves`]).
    pub(crate) struct MoveRow {
        state: u8,
        /// The generation that is handed over, or the newest that ever was.
        generation: u32,
        /// Who is to have it, and who has it.
        custodians: Bounded<OrganisationId, 256>,
        acked: Bounded<u8, 256>,
        /// Who may have others, and is to destroy them once this one stands.
        former: Bounded<OrganisationId, 256>,
        /// SHA-256 of the pack that is handed over.
        pack: Digest,
    }

    /// How a custodian answered to challenges.
    pub(crate) struct ChallengeRow {
        passed: u64,
        failed: u64,
        unanswered: u64,
        /// When it passed last, in milliseconds; 0: never.
        passed_ms: u64,
        /// When it failed last, in milliseconds; 0: never.
        failed_ms: u64,
    }

    /// A copy that a custodian has lost, or had lost.
    pub(crate) struct LostRow {
        since_ms: u64,
        generation: u32,
        /// When it was made good, in milliseconds; 0: not yet.
        good_ms: u64,
    }

    /// How far the look at all compartments and batches is, after the custodians changed.
    pub(crate) struct SurveyRow {
        /// The custodians for whom it is done.
        target: Bounded<OrganisationId, 256>,
        /// The custodians to whom all compartments' records were sent before.
        told: Bounded<OrganisationId, 256>,
        phase: u8,
        /// The last key looked at.
        after: Bounded<u8, 256>,
        /// Parcels below this number carry the records.
        parcels: u64,
    }

    /// A compartment of this source.
    pub(crate) struct CompartmentRow {
        first: CompartmentId,
        epoch: u32,
        predecessor: Option<CompartmentId>,
        patient: Option<Name>,
        category: Category,
        owner: Option<Address>,
        link: u32,
        wrapped: Bounded<u8, WRAPPED_KEY_LENGTH>,
        revision: u32,
        key: Sealed,
    }

    /// Under which node key everything that this source states about compartments is signed.
    pub(crate) struct SignerRow {
        key: PublicKey,
        phase: u8,
        /// The last patient or grant that was looked at.
        after: Bounded<u8, 256>,
    }

    /// An enrolled patient of this source.
    pub(crate) struct PatientRow {
        name: Name,
        key: PublicKey,
        link: PatientLink,
        link_key: Sealed,
    }

    /// A registration that was merged into another of the same person.
    pub(crate) struct MergedRow {
        into: Name,
        /// Whose it was; nobody's, if nobody was enrolled.
        former: Bounded<PatientRow, 1>,
    }

    /// Something small on its way to another organisation.
    pub(crate) struct ParcelRow {
        to: OrganisationId,
        kind: u8,
        since_ms: u64,
        payload: Bounded<u8, 1_048_576>,
    }

    /// A grant over this source's records; the notice is sealed.
    pub(crate) struct NoticeRow {
        owner: Address,
        notice: Sealed,
    }

    /// Somebody acts for a patient of this source, and has had keys.
    pub(crate) struct MandateRow {
        patient: Name,
        categories: Bounded<Category, 64>,
    }

    /// A patient of this source who has no device.
    pub(crate) struct WardRow {
        /// The root of its keys, sealed.
        root: SealedKey,
        /// Number of appointments so far.
        appointments: u32,
    }

    /// The emergency summary of a patient of this source.
    pub(crate) struct EmergencyRow {
        /// The patient's first emergency compartment here, which places all that follow.
        first: CompartmentId,
        compartment: CompartmentId,
        revision: u32,
        /// Who holds the shares, in order.
        holders: Bounded<OrganisationId, 256>,
        /// Keyed hash of the summary: one that is as it was is not sent again.
        content: Digest,
        shares: Sealed,
    }

    /// A summary of this source was opened, as a notice says; the notice is sealed.
    pub(crate) struct EmergencyUseRow {
        patient: Name,
        notice: Sealed,
        /// 1 once it is in the access log.
        noted: u8,
    }

    /// A share of another source's emergency key, and the newest summary.
    pub(crate) struct EmergencyHeldRow {
        package: EmergencyPackage,
        share: Sealed,
    }

    /// Word for a source that its summary was opened; sealed.
    pub(crate) struct EmergencyNoticeRow {
        to: OrganisationId,
        since_ms: u64,
        notice: Sealed,
    }

    /// A batch in custody here.
    pub(crate) struct CustodyRow {
        body_digest: Digest,
        signature: Signature,
        root: Digest,
        /// The key of the link under which the shares are sealed.
        link_key: SealedKey,
        leaves_at: u32,
        leaves: u32,
    }

    /// What was released here for an access event.
    pub(crate) struct ReleaseRow {
        to: OrganisationId,
        count: u32,
        /// When it was first asked for, in milliseconds.
        time_ms: u64,
    }

    /// Where a version in custody lies in its batch's pack.
    pub(crate) struct HeldVersionRow {
        source: OrganisationId,
        sequence: u64,
        compartment: CompartmentId,
        at: u64,
        length: u32,
        leaf: u32,
        /// Of the sealed package, which is the same in each generation.
        package: Digest,
        /// Of the whole item, share included.
        item_digest: Digest,
    }

    /// A letter whose grant is not final yet.
    pub(crate) struct PendingRow {
        since_ms: u64,
        notice: bool,
        envelope: Bounded<u8, 131_072>,
    }

    /// A grant to this organisation: the letter without its keys, sealed.
    pub(crate) struct GrantRow {
        letter: Sealed,
        patient: Name,
    }

    /// A version held here under a grant.
    pub(crate) struct HeldRow {
        source: OrganisationId,
        sequence: u64,
        package: PackageHeader,
        ciphertext_digest: Digest,
        plaintext_digest: Digest,
        r: Sealed,
        path: InclusionProof,
    }

    /// A grant whose copies are deleted.
    pub(crate) struct DroppedRow {
        count: u32,
        receipt: bool,
    }
}
