//! The ledger's state: every key, and the entry under it. No key is built elsewhere.

use crate::category::Purpose;
use crate::codec::{Bounded, codec_struct};
use crate::contradiction::Misdeed;
use crate::emergency::EmergencyGround;
use crate::erasure::ErasureGround;
use crate::genesis::ORGANISATIONS_MAX;
use crate::governance::{Change, Outcome};
use crate::ids::{
    AccessId, Address, AppointmentId, EmergencyId, ErasureId, GrantId, OrganisationId, ProposalId, RecoveryId,
};
use crate::membership::Member;
use crate::organisation::Organisation;
use crate::proxy::{Act, ByProxy};
use bytes::BufMut;
use commonware_codec::{Buf, Error, FixedSize, Read, Write};
use salus_crypto::hash::{Digest, hash};
use salus_crypto::sign::PublicKey;

/// Largest state value in bytes.
pub const STATE_VALUE_BYTES_MAX: usize = 4_096;

/// An encoded entry.
pub type StateValue = Bounded<u8, STATE_VALUE_BYTES_MAX>;

/// The 32-byte key of a state entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct StateKey(pub Digest);

impl AsRef<[u8]> for StateKey {
    fn as_ref(&self) -> &[u8] {
        self.0.as_ref()
    }
}

impl Write for StateKey {
    fn write(&self, buf: &mut impl BufMut) {
        self.0.write(buf);
    }
}

impl FixedSize for StateKey {
    const SIZE: usize = 32;
}

impl Read for StateKey {
    type Cfg = ();
    fn read_cfg(buf: &mut impl Buf, _: &()) -> Result<Self, Error> {
        Digest::read_cfg(buf, &()).map(Self)
    }
}

/// One function per kind of entry.
pub mod key {
    use super::*;
    #[cfg(doc)]
    use crate::genesis::Parameters;

    /// [`OrganisationEntry`], by its node key: who signs.
    pub fn organisation(node_key: &PublicKey) -> StateKey {
        StateKey(hash("salus/state/organisation/v1", &[node_key.as_ref()]))
    }

    /// [`Parameters`] in force.
    pub fn parameters() -> StateKey {
        StateKey(hash("salus/state/parameters/v1", &[]))
    }

    /// [`RosterPage`] with this number, below [`ROSTER_PAGES`].
    pub fn roster(page: u8) -> StateKey {
        StateKey(hash("salus/state/roster/v1", &[&[page]]))
    }

    /// [`OpenProposals`].
    pub fn proposals() -> StateKey {
        StateKey(hash("salus/state/proposals/v1", &[]))
    }

    /// [`ProposalEntry`].
    pub fn proposal(proposal: &ProposalId) -> StateKey {
        StateKey(hash("salus/state/proposal/v1", &[proposal.as_bytes()]))
    }

    /// [`ProposalId`] of the proposal with a number, from 0 without gaps.
    pub fn proposal_of_number(number: u64) -> StateKey {
        StateKey(hash("salus/state/proposal-of-number/v1", &[&number.to_be_bytes()]))
    }

    /// [`FaultEntry`] of a validator in an epoch.
    pub fn fault(validator: &PublicKey, epoch: u64) -> StateKey {
        StateKey(hash("salus/state/fault/v1", &[validator.as_ref(), &epoch.to_be_bytes()]))
    }

    /// [`StateKey`] of the [`FaultEntry`] with a number, from 0 without gaps.
    pub fn fault_of_number(number: u64) -> StateKey {
        StateKey(hash("salus/state/fault-of-number/v1", &[&number.to_be_bytes()]))
    }

    /// Number of [`FaultEntry`]s, a `u64`.
    pub fn faults() -> StateKey {
        StateKey(hash("salus/state/faults/v1", &[]))
    }

    /// [`PatientEntry`].
    pub fn patient(address: &Address) -> StateKey {
        StateKey(hash("salus/state/patient/v1", &[address.as_bytes()]))
    }

    /// [`PractitionerEntry`].
    pub fn practitioner(commitment: &Digest) -> StateKey {
        StateKey(hash("salus/state/practitioner/v1", &[commitment.as_ref()]))
    }

    /// [`AnchorEntry`].
    pub fn anchor(organisation: &OrganisationId, sequence: u64) -> StateKey {
        let organisation = organisation.as_str().as_bytes();
        StateKey(hash("salus/state/anchor/v1", &[organisation, &sequence.to_be_bytes()]))
    }

    /// [`GrantEntry`].
    pub fn grant(grant: &GrantId) -> StateKey {
        StateKey(hash("salus/state/grant/v1", &[grant.as_bytes()]))
    }

    /// [`AccessEntry`].
    pub fn access(access: &AccessId) -> StateKey {
        StateKey(hash("salus/state/access/v1", &[access.as_bytes()]))
    }

    /// [`AccessId`] of the access event with a number under a grant, from 0 without gaps: a patient finds
    /// every event of a grant, and a missing one shows.
    pub fn access_of_grant(grant: &GrantId, number: u32) -> StateKey {
        StateKey(hash("salus/state/access-of-grant/v1", &[grant.as_bytes(), &number.to_be_bytes()]))
    }

    /// [`DroppedEntry`].
    pub fn dropped(grant: &GrantId, organisation: &OrganisationId) -> StateKey {
        StateKey(hash("salus/state/dropped/v1", &[grant.as_bytes(), organisation.as_str().as_bytes()]))
    }

    /// [`EmergencyEntry`].
    pub fn emergency(event: &EmergencyId) -> StateKey {
        StateKey(hash("salus/state/emergency/v1", &[event.as_bytes()]))
    }

    /// [`EmergencyId`] of the event with a number, from 0 without gaps: everybody finds every one.
    pub fn emergency_of_number(number: u64) -> StateKey {
        StateKey(hash("salus/state/emergency-of-number/v1", &[&number.to_be_bytes()]))
    }

    /// Number of [`EmergencyEntry`]s, a `u64`.
    pub fn emergencies() -> StateKey {
        StateKey(hash("salus/state/emergencies/v1", &[]))
    }

    /// [`ReviewEntry`]; that it is absent after the review was due shows that it is overdue.
    pub fn review(event: &EmergencyId) -> StateKey {
        StateKey(hash("salus/state/review/v1", &[event.as_bytes()]))
    }

    /// [`ErasureEntry`].
    pub fn erasure(order: &ErasureId) -> StateKey {
        StateKey(hash("salus/state/erasure/v1", &[order.as_bytes()]))
    }

    /// [`ErasureId`] of the order with a number, from 0 without gaps.
    pub fn erasure_of_number(number: u64) -> StateKey {
        StateKey(hash("salus/state/erasure-of-number/v1", &[&number.to_be_bytes()]))
    }

    /// Number of [`ErasureEntry`]s, a `u64`.
    pub fn erasures() -> StateKey {
        StateKey(hash("salus/state/erasures/v1", &[]))
    }

    /// [`ErasedEntry`] of an organisation; that it is absent after receipts were due shows that it is overdue.
    pub fn erased(order: &ErasureId, organisation: &OrganisationId) -> StateKey {
        StateKey(hash("salus/state/erased/v1", &[order.as_bytes(), organisation.as_str().as_bytes()]))
    }

    /// [`RecoveryEntry`] of an attempt with this number, from 0 without gaps: that the next one is absent shows that nobody
    /// recovers.
    pub fn recovery(recovery: &RecoveryId, number: u32) -> StateKey {
        StateKey(hash("salus/state/recovery/v1", &[recovery.as_bytes(), &number.to_be_bytes()]))
    }

    /// [`AppointmentEntry`].
    pub fn appointment(appointment: &AppointmentId) -> StateKey {
        StateKey(hash("salus/state/appointment/v1", &[appointment.as_bytes()]))
    }

    /// [`ActEntry`] with a number under an appointment, from 0 without gaps: the patient finds everything that was done, and
    /// that a missing one is missing shows.
    pub fn act(appointment: &AppointmentId, number: u32) -> StateKey {
        StateKey(hash("salus/state/act/v1", &[appointment.as_bytes(), &number.to_be_bytes()]))
    }

    /// [`LogEntry`].
    pub fn log(organisation: &OrganisationId, sequence: u64) -> StateKey {
        let organisation = organisation.as_str().as_bytes();
        StateKey(hash("salus/state/log/v1", &[organisation, &sequence.to_be_bytes()]))
    }

    /// Number of an organisation's [`LogEntry`]s, a `u64`: none of them can be left out unseen.
    pub fn log_anchors(organisation: &OrganisationId) -> StateKey {
        StateKey(hash("salus/state/log-anchors/v1", &[organisation.as_str().as_bytes()]))
    }
}

codec_struct! {
    /// What a validator was caught at: at most one entry for each validator and epoch.
    pub struct FaultEntry {
        /// Its number, from 0 without gaps.
        pub number: u64,
        /// The organisation that had the key.
        pub organisation: OrganisationId,
        /// Node key of the validator.
        pub validator: PublicKey,
        /// What it did.
        pub misdeed: Misdeed,
        /// Epoch of the votes.
        pub epoch: u64,
        /// View of the votes.
        pub view: u64,
        /// The organisation that showed them.
        pub accuser: OrganisationId,
        /// Height at which it did.
        pub height: u64,
        /// Time of that block in milliseconds.
        pub time_ms: u64,
    }
}

codec_struct! {
    /// An attempt to recover a patient's root.
    pub struct RecoveryEntry {
        /// The organisation that proofed the person's identity and will give its share out.
        pub organisation: OrganisationId,
        /// The new device ([`crate::recovery::recovery_device`]).
        pub device: Digest,
        /// Height of the block in which it began.
        pub height: u64,
        /// Time of that block in milliseconds.
        pub time_ms: u64,
        /// Block time from which the share is given out.
        pub ready_ms: u64,
        /// Height at which the patient cancelled it.
        pub cancelled: Option<u64>,
    }
}

codec_struct! {
    /// A registered patient address.
    pub struct PatientEntry {
        /// The organisation that registered it.
        pub organisation: OrganisationId,
        /// Height of the registration.
        pub height: u64,
    }
}

codec_struct! {
    /// A registered practitioner commitment.
    pub struct PractitionerEntry {
        /// The organisation that vouches.
        pub organisation: OrganisationId,
        /// Height of the registration.
        pub height: u64,
    }
}

codec_struct! {
    /// An anchored batch.
    pub struct AnchorEntry {
        /// Root over the commitments.
        pub batch_root: Digest,
        /// Size class.
        pub size_class: u8,
        /// Height of the anchor.
        pub height: u64,
        /// Time of that block in milliseconds.
        pub time_ms: u64,
    }
}

codec_struct! {
    /// A grant.
    pub struct GrantEntry {
        /// Commitment to the terms.
        pub terms: Digest,
        /// Commitment to grantee and purpose.
        pub scope: Digest,
        /// Time from which it is dead, in milliseconds.
        pub expiry_ms: u64,
        /// Height at which it was granted.
        pub height: u64,
        /// Height at which it was revoked.
        pub revoked: Option<u64>,
        /// Number of access events so far.
        pub accesses: u32,
        /// Who made it for the patient; none if the patient did.
        pub by_proxy: Option<ByProxy>,
    }
}

impl GrantEntry {
    /// Whether an access event at `time_ms` may rely on the grant.
    pub fn is_live(&self, time_ms: u64) -> bool {
        self.revoked.is_none() && time_ms < self.expiry_ms
    }
}

codec_struct! {
    /// An appointment of somebody who acts for a patient.
    pub struct AppointmentEntry {
        /// Commitment to the mandate.
        pub mandate: Digest,
        /// The key appointed.
        pub proxy: PublicKey,
        /// Whether it may share.
        pub shares: bool,
        /// Time from which it is dead, in milliseconds.
        pub expiry_ms: u64,
        /// Height at which it was made.
        pub height: u64,
        /// Time of that block in milliseconds.
        pub time_ms: u64,
        /// Height at which it was ended.
        pub ended: Option<u64>,
        /// Number of acts so far.
        pub acts: u32,
    }
}

impl AppointmentEntry {
    /// Whether something may be done under it at `time_ms`.
    pub fn is_live(&self, time_ms: u64) -> bool {
        self.ended.is_none() && time_ms < self.expiry_ms
    }
}

codec_struct! {
    /// Something that was done for a patient by who was appointed.
    pub struct ActEntry {
        /// What.
        pub act: Act,
        /// Height of it.
        pub height: u64,
        /// Time of that block in milliseconds.
        pub time_ms: u64,
    }
}

codec_struct! {
    /// A finalised access event.
    pub struct AccessEntry {
        /// The grant it relied on.
        pub grant: GrantId,
        /// The organisation that reads.
        pub organisation: OrganisationId,
        /// The purpose.
        pub purpose: Purpose,
        /// Root over the version ids.
        pub versions_root: Digest,
        /// Number of versions.
        pub count: u32,
        /// Commitment of the practitioner.
        pub practitioner: Digest,
        /// Height of the event.
        pub height: u64,
        /// Time of that block in milliseconds.
        pub time_ms: u64,
    }
}

codec_struct! {
    /// An emergency access.
    pub struct EmergencyEntry {
        /// Its number, from 0 without gaps.
        pub number: u64,
        /// The organisation that broke the glass.
        pub organisation: OrganisationId,
        /// Commitment to whose summary.
        pub target: Digest,
        /// Commitment of the practitioner.
        pub practitioner: Digest,
        /// Why nobody could be asked.
        pub ground: EmergencyGround,
        /// Commitment to the reason in words.
        pub statement: Digest,
        /// When it began, if it was about local records alone.
        pub began_ms: Option<u64>,
        /// Height of the event.
        pub height: u64,
        /// Time of that block in milliseconds.
        pub time_ms: u64,
        /// Time from which nothing is released upon it, in milliseconds.
        pub access_until_ms: u64,
        /// Time from which its review is late, in milliseconds.
        pub review_due_ms: u64,
    }
}

codec_struct! {
    /// An order to erase.
    pub struct ErasureEntry {
        /// Its number, from 0 without gaps.
        pub number: u64,
        /// The source that ordered.
        pub organisation: OrganisationId,
        /// [`crate::erasure::erased_root`].
        pub versions_root: Digest,
        /// Number of versions.
        pub count: u32,
        /// Why.
        pub ground: ErasureGround,
        /// Height of the order.
        pub height: u64,
        /// Time of that block in milliseconds.
        pub time_ms: u64,
        /// When receipts are due, by block time, in milliseconds.
        pub receipts_due_ms: u64,
    }
}

codec_struct! {
    /// An organisation's receipt for what an order named.
    pub struct ErasedEntry {
        /// Versions whose package and share it destroyed, or, at the source, everything.
        pub versions: u32,
        /// Copies that it destroyed.
        pub copies: u32,
        /// Whether it came after it was due.
        pub late: bool,
        /// Height of the receipt.
        pub height: u64,
        /// Time of that block in milliseconds.
        pub time_ms: u64,
    }
}

codec_struct! {
    /// The review of an emergency access.
    pub struct ReviewEntry {
        /// Whether it was justified.
        pub justified: bool,
        /// Commitment of the reviewer.
        pub reviewer: Digest,
        /// Commitment to the reviewer's words.
        pub statement: Digest,
        /// Whether it came after it was due.
        pub late: bool,
        /// Height of the review.
        pub height: u64,
        /// Time of that block in milliseconds.
        pub time_ms: u64,
    }
}

codec_struct! {
    /// A receipt of deletion.
    pub struct DroppedEntry {
        /// Number of versions deleted.
        pub count: u32,
        /// Height of the receipt.
        pub height: u64,
    }
}

codec_struct! {
    /// An anchored head of an access log.
    pub struct LogEntry {
        /// Root of the tree over all entries so far ([`crate::access_log`]).
        pub head: Digest,
        /// Number of entries.
        pub entries: u64,
        /// Height of the anchor.
        pub height: u64,
    }
}

codec_struct! {
    /// A member.
    pub struct OrganisationEntry {
        /// The organisation.
        pub organisation: Organisation,
        /// Its place among the members: page and position in the [`RosterPage`]s, and its bit in every vote.
        pub slot: u8,
        /// Height from which it is a member; 0 from genesis on.
        pub since: u64,
    }
}

/// Places on one page of the roster.
pub const ROSTER_PAGE_SLOTS: usize = 32;
/// Pages of the roster: together they have a place for every organisation.
pub const ROSTER_PAGES: u8 = (ORGANISATIONS_MAX / ROSTER_PAGE_SLOTS) as u8;
/// Most proposals that are open at once.
pub const PROPOSALS_OPEN_MAX: usize = 64;

codec_struct! {
    /// Some of the members. A place stays empty when its member leaves, until another one takes it.
    pub struct RosterPage {
        /// The places.
        pub slots: Bounded<Option<Member>, ROSTER_PAGE_SLOTS>,
    }
}

codec_struct! {
    /// The proposals on which votes are taken.
    #[derive(Default)]
    pub struct OpenProposals {
        /// Number of proposals ever made.
        pub made: u64,
        /// Those that are open, oldest first.
        pub open: Bounded<ProposalId, PROPOSALS_OPEN_MAX>,
    }
}

/// One bit for each place of the roster, the first in the lowest bit of the first byte.
pub type Ballot = [u8; ORGANISATIONS_MAX / 8];

codec_struct! {
    /// A proposal.
    pub struct ProposalEntry {
        /// Its number, from 0 without gaps.
        pub number: u64,
        /// What is to change.
        pub change: Change,
        /// The organisation that proposed it.
        pub proposer: OrganisationId,
        /// Height of the proposal.
        pub height: u64,
        /// Block time from which no votes are taken, in milliseconds.
        pub closes_ms: u64,
        /// Who voted for it.
        pub approvals: Ballot,
        /// Who voted against it.
        pub refusals: Ballot,
        /// What became of it.
        pub outcome: Outcome,
        /// Height at which that was decided.
        pub decided: Option<u64>,
    }
}
