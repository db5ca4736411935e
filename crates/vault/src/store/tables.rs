//! Every table of the vault, its key and its value, in one list. No key is built elsewhere.

use super::Sealed;
use super::transaction::Table;
use crate::codec::record;
use commonware_codec::{Copying, DecodeExt as _, Encode, Read};
use salus_crypto::merkle::InclusionProof;
use salus_types::category::Category;
use salus_types::vault::{CompartmentRecord, PackageHeader, PatientLink, WRAPPED_KEY_LENGTH};
use salus_types::{
    Address, Bounded, CompartmentId, Digest, GrantId, OrganisationId, PublicKey, Signature, Text, VersionId,
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
    }

    /// A version that this source sealed: what its proof needs.
    pub(crate) struct VersionRow {
        sequence: u64,
        leaf: u32,
        package: PackageHeader,
        ciphertext_digest: Digest,
        plaintext_digest: Digest,
        r: Sealed,
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

    /// An enrolled patient of this source.
    pub(crate) struct PatientRow {
        name: Name,
        key: PublicKey,
        link: PatientLink,
        link_key: Sealed,
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

    /// A batch in custody here.
    pub(crate) struct CustodyRow {
        body_digest: Digest,
        signature: Signature,
        root: Digest,
        link: Bounded<u8, 2_048>,
        leaves_at: u32,
        leaves: u32,
    }

    /// Where a version in custody lies in its batch's pack.
    pub(crate) struct HeldVersionRow {
        source: OrganisationId,
        sequence: u64,
        compartment: CompartmentId,
        at: u64,
        length: u32,
        leaf: u32,
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

/// Decodes bytes, and gives their encoding if they are one.
pub(crate) type Decoder = fn(&[u8]) -> Option<bytes::Bytes>;

/// See [`Decoder`].
pub(crate) fn reencoded<T: Encode + Read<Cfg = ()>>(value: &[u8]) -> Option<bytes::Bytes> {
    T::decode(Copying(value)).ok().map(|value| value.encode())
}

macro_rules! tables {
    ($($(#[$meta:meta])* $name:ident: $value:ty = $text:literal;)*) => {
        $($(#[$meta])* pub(crate) const $name: Table<$value> = Table::new($text);)*

        /// The names of all tables.
        pub(super) const ALL: &[&str] = &[$($name.name()),*];

        /// How the values of each table decode.
        pub(crate) const DECODERS: &[(&str, Decoder)] = &[$(($text, reencoded::<$value>)),*];
    };
}

tables! {
    /// `check` -> sealed constant.
    KEY_CHECK: Sealed = "key-check";
    /// A counter's name -> value.
    COUNTERS: u64 = "counters";

    /// Sequence -> batch of this source.
    BATCHES: BatchRow = "source-batches";
    /// Sequence -> leaves, dummies included.
    LEAVES: Leaves = "source-leaves";
    /// Sequence -> nothing: batches that are not anchored, or not with all custodians.
    OPEN_BATCHES: Mark = "source-open-batches";
    /// Version -> what its proof needs.
    VERSIONS: VersionRow = "source-versions";
    /// type, id, version -> version id.
    BY_RESOURCE: VersionId = "source-by-resource";
    /// type, id -> FHIR version that was sealed last.
    NEWEST: Name = "source-newest";
    /// Compartment -> its row.
    COMPARTMENTS: CompartmentRow = "source-compartments";
    /// patient or nothing, category -> compartment of the current epoch.
    CURRENT: CompartmentId = "source-current";
    /// Compartment -> compartment of the next epoch.
    NEXT_EPOCH: CompartmentId = "source-next-epoch";
    /// patient, compartment -> nothing.
    OF_PATIENT: Mark = "source-of-patient";
    /// patient -> row.
    PATIENTS: PatientRow = "source-patients";
    /// Address -> patient.
    PATIENT_AT: Name = "source-patient-at";
    /// Number -> parcel.
    PARCELS: ParcelRow = "source-parcels";
    /// Grant -> notice.
    NOTICES: NoticeRow = "source-notices";
    /// Grant -> nothing: grants that may still end.
    LIVE_NOTICES: Mark = "source-live-notices";

    /// source, sequence -> batch in custody.
    CUSTODY: CustodyRow = "custody-batches";
    /// Version -> where it lies.
    HELD_VERSIONS: HeldVersionRow = "custody-versions";
    /// compartment, source, sequence, leaf -> version.
    IN_COMPARTMENT: VersionId = "custody-in-compartment";
    /// Compartment -> newest record.
    RECORDS: CompartmentRecord = "custody-records";
    /// predecessor, source -> compartment.
    SUCCESSORS: CompartmentId = "custody-successors";
    /// owner, compartment -> nothing.
    OF_OWNER: Mark = "custody-of-owner";
    /// owner, source, number -> link.
    LINKS: PatientLink = "custody-links";
    /// source, sequence -> digest of a batch that contradicts the one in custody.
    EVIDENCE: Digest = "custody-evidence";
    /// time, nonce, address -> nothing.
    NONCES: Mark = "custody-nonces";

    /// Sender -> letter whose grant is not final.
    PENDING: PendingRow = "mailbox-pending";
    /// Grant -> letter.
    GRANTS: GrantRow = "reader-grants";
    /// grant, compartment -> key and category, sealed.
    GRANT_KEYS: Sealed = "reader-grant-keys";
    /// patient, grant -> nothing.
    GRANTS_OF: Mark = "reader-grants-of";
    /// grant, version -> what its proof needs.
    HELD: HeldRow = "reader-held";
    /// Grant -> number of versions deleted.
    DROPPED: DroppedRow = "reader-dropped";
}

/// Names of counters.
pub(crate) mod counter {
    /// Outbox rows up to this one are sealed.
    pub(crate) const OUTBOX: &[u8] = b"outbox";
    /// The next batch.
    pub(crate) const SEQUENCE: &[u8] = b"sequence";
    /// The next parcel.
    pub(crate) const PARCEL: &[u8] = b"parcel";
    /// Versions sealed.
    pub(crate) const SEALED: &[u8] = b"sealed";
    /// Versions with two custodians.
    pub(crate) const CUSTODY: &[u8] = b"custody";
    /// Versions anchored.
    pub(crate) const ANCHORED: &[u8] = b"anchored";
    /// Versions that cannot be sealed.
    pub(crate) const REFUSED: &[u8] = b"refused";
    /// Epochs rotated.
    pub(crate) const ROTATED: &[u8] = b"rotated";
}

/// Keys of more than one part.
pub(crate) mod key {
    use super::*;

    /// Texts, each closed by a zero byte, which no FHIR name holds.
    pub(crate) fn texts(parts: &[&str]) -> Vec<u8> {
        let mut key = Vec::with_capacity(64);
        for part in parts {
            key.extend_from_slice(part.as_bytes());
            key.push(0);
        }
        key
    }

    /// [`CURRENT`].
    pub(crate) fn current(patient: Option<&str>, category: Category) -> Vec<u8> {
        let mut key = vec![u8::from(patient.is_some())];
        key.extend(texts(&[patient.unwrap_or_default()]));
        key.push(category.code());
        key
    }

    /// [`OF_PATIENT`].
    pub(crate) fn of_patient(patient: &str, compartment: &CompartmentId) -> Vec<u8> {
        let mut key = texts(&[patient]);
        key.extend_from_slice(compartment.as_bytes());
        key
    }

    /// [`CUSTODY`] and [`EVIDENCE`].
    pub(crate) fn batch(source: &OrganisationId, sequence: u64) -> Vec<u8> {
        let mut key = texts(&[source.as_str()]);
        key.extend_from_slice(&sequence.to_be_bytes());
        key
    }

    /// [`IN_COMPARTMENT`].
    pub(crate) fn in_compartment(
        compartment: &CompartmentId,
        source: &OrganisationId,
        sequence: u64,
        leaf: u32,
    ) -> Vec<u8> {
        [&in_compartment_of(compartment, source)[..], &sequence.to_be_bytes(), &leaf.to_be_bytes()].concat()
    }

    /// All of one source in [`IN_COMPARTMENT`]: what another source puts under the name is never seen.
    pub(crate) fn in_compartment_of(compartment: &CompartmentId, source: &OrganisationId) -> Vec<u8> {
        let mut key = compartment.as_bytes().to_vec();
        key.extend(texts(&[source.as_str()]));
        key
    }

    /// [`SUCCESSORS`]: of one source, so that no other source can name a successor first and block the right one.
    pub(crate) fn successor(before: &CompartmentId, source: &OrganisationId) -> Vec<u8> {
        let mut key = before.as_bytes().to_vec();
        key.extend(texts(&[source.as_str()]));
        key
    }

    /// [`LINKS`].
    pub(crate) fn link(owner: &Address, source: &OrganisationId, number: u32) -> Vec<u8> {
        let mut key = owner.as_bytes().to_vec();
        key.extend(texts(&[source.as_str()]));
        key.extend_from_slice(&number.to_be_bytes());
        key
    }

    /// [`NONCES`].
    pub(crate) fn nonce(time_ms: u64, nonce: &[u8; 16], address: &Address) -> Vec<u8> {
        [&time_ms.to_be_bytes(), &nonce[..], address.as_bytes()].concat()
    }

    /// [`GRANTS_OF`].
    pub(crate) fn grant_of(patient: &str, grant: &GrantId) -> Vec<u8> {
        let mut key = texts(&[patient]);
        key.extend_from_slice(grant.as_bytes());
        key
    }

    /// [`GRANT_KEYS`].
    pub(crate) fn grant_key(grant: &GrantId, compartment: &CompartmentId) -> Vec<u8> {
        [grant.as_bytes(), compartment.as_bytes()].concat()
    }

    /// [`HELD`].
    pub(crate) fn held(grant: &GrantId, version: &VersionId) -> Vec<u8> {
        [grant.as_bytes(), version.as_bytes()].concat()
    }
}

/// The last 32 bytes of a key, as an id.
pub(crate) fn id_at_end(key: &[u8]) -> Digest {
    key.last_chunk().map_or(Digest::ZERO, |bytes| Digest(*bytes))
}
