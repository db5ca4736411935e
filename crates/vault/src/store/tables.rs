//! Every table of the vault, its key and its value, in one list.

pub(crate) use super::keys as key;
pub(crate) use super::rows::*;

use super::Sealed;
use super::transaction::Table;
use commonware_codec::{Copying, DecodeExt as _, Encode, Read};
use salus_types::organisation::Organisation;
use salus_types::vault::{CompartmentRecord, Destroyed, PatientLink};
use salus_types::{CompartmentId, Digest, ErasureId, VersionId};

/// The time from which something is to be replaced that should be by now, and that nothing puts off.
pub(crate) const AT_ONCE: u64 = 0;

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
    /// sequence, leaf -> version.
    IN_BATCH: VersionId = "source-in-batch";
    /// Sequence -> move: batches that other custodians are to have.
    MOVES: MoveRow = "source-moves";
    /// custodian, sequence -> generation below which it is to destroy.
    OWED: u32 = "source-receipts-owed";
    /// sequence, custodian -> its newest receipt.
    RECEIPTS: Destroyed = "source-receipts";
    /// `survey` -> how far it is.
    SURVEY: SurveyRow = "source-survey";
    /// Organisation -> as the ledger had it last while it was a custodian: one that has left may still answer.
    SEEN: Organisation = "source-custodians-seen";
    /// `signer` -> the node key that signs, and how far signing anew is.
    SIGNER: SignerRow = "source-signer";
    /// Custodian -> shares, packages and receipts of it that did not hold.
    FAULTS: u64 = "source-faults";
    /// Custodian -> how it answered when it was challenged.
    CHALLENGES: ChallengeRow = "source-challenges";
    /// sequence, custodian -> copy of which it is known that it is not there, or not whole, or was not.
    LOST: LostRow = "source-lost";
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
    /// patient -> the registration into which it was merged, and whose it was before.
    MERGED: MergedRow = "source-merged";
    /// patient, patient -> nothing: what was merged into the first.
    MERGED_INTO: Mark = "source-merged-into";
    /// Number -> parcel.
    PARCELS: ParcelRow = "source-parcels";
    /// Grant -> notice.
    NOTICES: NoticeRow = "source-notices";
    /// Grant -> nothing: grants that may still end.
    LIVE_NOTICES: Mark = "source-live-notices";
    /// Appointment -> what it reaches: appointments that may still end.
    LIVE_MANDATES: MandateRow = "source-live-mandates";
    /// patient -> keys kept for somebody who has none.
    WARDS: WardRow = "source-wards";
    /// patient -> emergency summary.
    EMERGENCIES: EmergencyRow = "source-emergencies";
    /// Emergency compartment, also a former one -> patient.
    EMERGENCY_AT: Name = "source-emergency-at";
    /// event, and 1 if it is told by who broke the glass -> use of a summary.
    EMERGENCY_USES: EmergencyUseRow = "source-emergency-uses";
    /// patient -> outbox row with which the summary became stale.
    EMERGENCY_STALE: u64 = "source-emergency-stale";
    /// patient -> time in milliseconds from which the emergency key is to be replaced, or [`AT_ONCE`].
    EMERGENCY_ROTATE: u64 = "source-emergency-rotate";

    /// source, sequence, generation -> batch in custody.
    CUSTODY: CustodyRow = "custody-batches";
    /// version, generation -> where it lies.
    HELD_VERSIONS: HeldVersionRow = "custody-versions";
    /// source, sequence, generation, leaf -> version.
    OF_BATCH: VersionId = "custody-of-batch";
    /// source, sequence, generation -> nothing: packs to be deleted, whose rows are gone.
    CONDEMNED: Mark = "custody-condemned";
    /// source, sequence, generation -> when the pack was last found whole, in milliseconds.
    CHECKED: u64 = "custody-checked";
    /// source, sequence, generation -> since when it is known that the pack is not whole, in milliseconds.
    DAMAGED: u64 = "custody-damaged";
    /// access event, root over the versions -> what was released for it.
    RELEASES: ReleaseRow = "custody-releases";
    /// source, sequence -> receipt for what was destroyed.
    DESTROYED: Destroyed = "custody-destroyed";
    /// source, version -> the order by which it was erased: it is not taken again.
    ERASED: ErasureId = "custody-erased";
    /// source, sequence, generation -> SHA-256 of a pack that has been blanked in places.
    BLANKED: Digest = "custody-blanked";
    /// source, sequence, generation, place in the pack -> length: what is to be blanked.
    BLANKS: u32 = "custody-blanks";
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
    /// source, sequence, generation -> digest of a batch that contradicts one in custody.
    EVIDENCE: Digest = "custody-evidence";
    /// time, nonce, address or source -> nothing.
    NONCES: Mark = "custody-nonces";
    /// emergency compartment, source -> share and summary.
    EMERGENCY_HELD: EmergencyHeldRow = "custody-emergencies";
    /// event, kind -> word for the source.
    EMERGENCY_NOTICES: EmergencyNoticeRow = "emergency-notices";

    /// Order -> how far it is carried out here.
    ERASURES: ErasureRow = "erasures";
    /// Order -> nothing: orders of which copies, or the receipt, may be left.
    ERASURES_DUE: Mark = "erasures-due";
    /// Order -> nothing: orders whose notice is not here yet.
    ERASURES_WANTED: Mark = "erasures-wanted";

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
    /// Batches that other custodians have now.
    pub(crate) const MOVED: &[u8] = b"moved";
    /// Lost copies that were made good.
    pub(crate) const REPAIRED: &[u8] = b"repaired";
    /// Copies here that were found damaged.
    pub(crate) const ROTTEN: &[u8] = b"rotten";
    /// Versions sealed.
    pub(crate) const SEALED: &[u8] = b"sealed";
    /// Versions with two custodians.
    pub(crate) const CUSTODY: &[u8] = b"custody";
    /// Versions anchored.
    pub(crate) const ANCHORED: &[u8] = b"anchored";
    /// Versions that cannot be sealed.
    pub(crate) const REFUSED: &[u8] = b"refused";
    /// The next order to erase on the ledger that is to be looked at.
    pub(crate) const ERASURE_NEXT: &[u8] = b"erasure-next";
    /// Epochs rotated.
    pub(crate) const ROTATED: &[u8] = b"rotated";
}

/// The last 32 bytes of a key, as an id.
pub(crate) fn id_at_end(key: &[u8]) -> Digest {
    key.last_chunk().map_or(Digest::ZERO, |bytes| Digest(*bytes))
}
