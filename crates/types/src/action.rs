//! Actions: what a transaction asks of a contract. One struct per action, one variant per struct.

use crate::category::Purpose;
use crate::codec::{codec_struct, codec_sum};
use crate::contradiction::Contradiction;
use crate::emergency::EmergencyGround;
use crate::erasure::ErasureGround;
use crate::governance::Change;
use crate::ids::{
    AccessId, Address, AppointmentId, EmergencyId, ErasureId, GrantId, OrganisationId, ProposalId, RecoveryId,
};
use crate::proxy::Act;
use commonware_codec::Encode;
use salus_crypto::hash::{Digest, hash};
use salus_crypto::sign::PublicKey;

codec_struct! {
    /// `registry`: an organisation that has proofed a person's identity registers the pairwise address.
    pub struct RegisterPatient {
        /// The patient's address at the signing organisation.
        pub address: Address,
    }
}

codec_struct! {
    /// `registry`: an organisation vouches for a practitioner by a salted commitment.
    pub struct RegisterPractitioner {
        /// [`crate::PractitionerCredential::commitment`].
        pub commitment: Digest,
    }
}

codec_struct! {
    /// `records`: the signing organisation commits to a batch of sealed record versions.
    pub struct Anchor {
        /// The signing organisation.
        pub organisation: OrganisationId,
        /// RFC 9162 root over the commitments of the batch, padded with dummies to the size class.
        pub batch_root: Digest,
        /// Number of the batch at this organisation; no number is used twice.
        pub sequence: u64,
        /// The batch has [`crate::vault::batch_size`] of this class leaves.
        pub size_class: u8,
    }
}

codec_struct! {
    /// `consent`: signed by the one-time key whose hash is the grant.
    pub struct Grant {
        /// [`crate::vault::Terms::commitment`]: what is granted, sealed to those concerned.
        pub terms: Digest,
        /// [`scope_commitment`]: who may use the grant and for which purpose, opened by each access event.
        pub scope: Digest,
        /// Block time from which the grant is dead, in milliseconds since 1970-01-01 UTC.
        pub expiry_ms: u64,
    }
}

codec_struct! {
    /// `consent`: signed by the one-time key of the grant. No access event succeeds from that block on.
    pub struct Revoke {
        /// The grant to end.
        pub grant: GrantId,
    }
}

codec_struct! {
    /// `access`: a grantee states, before it reads, which versions it is about to read and why.
    pub struct Access {
        /// The grant that it relies on.
        pub grant: GrantId,
        /// Opens [`Grant::scope`] for the signing organisation and `purpose`.
        pub scope_salt: [u8; 32],
        /// The purpose of this access.
        pub purpose: Purpose,
        /// RFC 9162 root over the version ids in the order in which they are requested.
        pub versions_root: Digest,
        /// Number of versions.
        pub count: u32,
        /// Commitment of the practitioner who asks, registered by the signing organisation.
        pub practitioner: Digest,
        /// 16 random bytes: the same read twice is two events.
        pub nonce: [u8; 16],
    }
}

codec_struct! {
    /// `access`: a former grantee states that its copy of what the grant gave is deleted.
    pub struct Dropped {
        /// The signing organisation.
        pub organisation: OrganisationId,
        /// The grant, revoked or expired.
        pub grant: GrantId,
        /// Number of versions deleted.
        pub count: u32,
    }
}

codec_struct! {
    /// `access`: an organisation anchors the head of its hash-chained access log.
    pub struct AnchorLog {
        /// The signing organisation.
        pub organisation: OrganisationId,
        /// Root of the tree over all entries so far ([`crate::access_log`]).
        pub head: Digest,
        /// Number of entries up to and including it.
        pub entries: u64,
        /// Number of this anchor at this organisation; no number is used twice.
        pub sequence: u64,
    }
}

impl Access {
    /// The event's id for the node key that signs it; known before signing.
    pub fn id(&self, signer: &PublicKey) -> AccessId {
        AccessId(hash("salus/access/v1", &[signer.as_ref(), &self.encode()]))
    }
}

/// Commits to who may use a grant and for which purpose. The ledger learns the grantee with the first
/// access event, not before.
pub fn scope_commitment(grantee: &OrganisationId, purpose: Purpose, salt: &[u8; 32]) -> Digest {
    hash("salus/scope/v1", &[grantee.as_str().as_bytes(), &[purpose.code()], salt])
}

codec_struct! {
    /// `governance`: an organisation proposes a change of the network, and votes for it.
    pub struct Propose {
        /// The signing organisation.
        pub organisation: OrganisationId,
        /// What is to change.
        pub change: Change,
        /// 16 random bytes: the same change may be proposed again.
        pub nonce: [u8; 16],
    }
}

impl Propose {
    /// The proposal's id.
    pub fn id(&self) -> ProposalId {
        ProposalId(hash("salus/proposal/v1", &[&self.encode()]))
    }
}

codec_struct! {
    /// `governance`: an organisation votes on a proposal, once.
    pub struct Vote {
        /// The signing organisation.
        pub organisation: OrganisationId,
        /// The proposal.
        pub proposal: ProposalId,
        /// For it, or against it.
        pub approve: bool,
    }
}

codec_struct! {
    /// `accountability`: an organisation shows that a validator voted against itself.
    pub struct Accuse {
        /// The signing organisation.
        pub organisation: OrganisationId,
        /// Node key of the validator.
        pub validator: PublicKey,
        /// Both votes.
        pub contradiction: Contradiction,
    }
}

codec_struct! {
    /// `emergency`: a provider states, before it opens a patient's emergency summary, that it does.
    pub struct BreakGlass {
        /// The signing organisation.
        pub organisation: OrganisationId,
        /// [`crate::emergency::emergency_target`]: whose summary, opened to its holders and its source.
        pub target: Digest,
        /// Commitment of the practitioner, registered by the signing organisation.
        pub practitioner: Digest,
        /// Why nobody could be asked.
        pub ground: EmergencyGround,
        /// [`crate::emergency::words_commitment`] of the reason in words.
        pub statement: Digest,
        /// Of an emergency that is about local records alone, because nobody else knows the person or the ledger could
        /// not be reached: when it began, by the organisation's clock, in milliseconds since 1970-01-01 UTC. Nobody
        /// releases anything upon it.
        pub began_ms: Option<u64>,
        /// 16 random bytes: the same emergency twice is two events.
        pub nonce: [u8; 16],
    }
}

codec_struct! {
    /// `emergency`: the organisation that broke the glass has looked at it again, once.
    pub struct Review {
        /// The signing organisation.
        pub organisation: OrganisationId,
        /// What is reviewed.
        pub event: EmergencyId,
        /// Whether it was right to open the summary.
        pub justified: bool,
        /// Commitment of the reviewer, registered by the signing organisation; not who broke the glass.
        pub reviewer: Digest,
        /// [`crate::emergency::words_commitment`] of the reviewer's words.
        pub statement: Digest,
    }
}

codec_struct! {
    /// `recovery`: an organisation has proofed the identity of somebody who lost every way in, and will give its share of the
    /// root to a new device after [`crate::recovery::RECOVERY_DELAY_MS`], unless that is cancelled.
    pub struct StartRecovery {
        /// The signing organisation.
        pub organisation: OrganisationId,
        /// Whose share; named by the patient when the share was handed over.
        pub recovery: RecoveryId,
        /// Number of the attempt, from 0 without gaps.
        pub number: u32,
        /// [`crate::recovery::recovery_device`]: the only device that gets the share.
        pub device: Digest,
    }
}

codec_struct! {
    /// `recovery`: signed by the key that the recovery is named after, which every device of the patient has.
    pub struct CancelRecovery {
        /// The recovery.
        pub recovery: RecoveryId,
        /// Number of the attempt.
        pub number: u32,
    }
}

codec_struct! {
    /// `erasure`: a source orders that versions that it sealed be destroyed by whoever holds them.
    pub struct OrderErasure {
        /// The signing organisation, which sealed them.
        pub organisation: OrganisationId,
        /// [`crate::erasure::erased_root`]: which versions, opened to those who may hold them.
        pub versions_root: Digest,
        /// Number of versions.
        pub count: u32,
        /// Why.
        pub ground: ErasureGround,
        /// 16 random bytes: the same versions twice are two orders.
        pub nonce: [u8; 16],
    }
}

codec_struct! {
    /// `erasure`: the signing organisation's receipt: of what an order names it holds nothing any more.
    pub struct Erased {
        /// The signing organisation.
        pub organisation: OrganisationId,
        /// The order.
        pub erasure: ErasureId,
        /// Versions of which it destroyed package and share, as a custodian, or everything, as the source.
        pub versions: u32,
        /// Copies that it destroyed, as one that read them under a grant.
        pub copies: u32,
    }
}

codec_struct! {
    /// `proxies`: signed by the one-time key whose hash is the appointment: somebody may act for a patient at one source.
    pub struct Appoint {
        /// [`crate::vault::Mandate::commitment`]: who is acted for, by whom, and how far; opened to those concerned.
        pub mandate: Digest,
        /// The key of the person appointed, made for this appointment alone.
        pub proxy: PublicKey,
        /// Whether that person may share, and stop what it shared.
        pub shares: bool,
        /// Block time from which the appointment is dead, in milliseconds since 1970-01-01 UTC; a multiple of
        /// [`crate::proxy::PROXY_GRAIN_MS`].
        pub expiry_ms: u64,
    }
}

codec_struct! {
    /// `proxies`: signed by the key that appointed, or by the one appointed. Nothing is done under it from that block on.
    pub struct EndAppointment {
        /// The appointment to end.
        pub appointment: AppointmentId,
    }
}

codec_struct! {
    /// `proxies`: signed by the key appointed: what is done for the patient, before it is done.
    pub struct ProxyAct {
        /// The appointment that it relies on.
        pub appointment: AppointmentId,
        /// Number of the act under this appointment, from 0 without gaps.
        pub number: u32,
        /// What is done.
        pub act: Act,
    }
}

codec_sum! {
    /// Every action. The tag is the first byte of the encoding.
    pub enum Action {
        /// See [`RegisterPatient`].
        RegisterPatient = 1,
        /// See [`RegisterPractitioner`].
        RegisterPractitioner = 2,
        /// See [`Anchor`].
        Anchor = 3,
        /// See [`Grant`].
        Grant = 4,
        /// See [`Revoke`].
        Revoke = 5,
        /// See [`Access`].
        Access = 6,
        /// See [`Dropped`].
        Dropped = 7,
        /// See [`AnchorLog`].
        AnchorLog = 8,
        /// See [`Propose`].
        Propose = 9,
        /// See [`Vote`].
        Vote = 10,
        /// See [`Accuse`].
        Accuse = 11,
        /// See [`BreakGlass`].
        BreakGlass = 12,
        /// See [`Review`].
        Review = 13,
        /// See [`StartRecovery`].
        StartRecovery = 14,
        /// See [`CancelRecovery`].
        CancelRecovery = 15,
        /// See [`OrderErasure`].
        OrderErasure = 16,
        /// See [`Erased`].
        Erased = 17,
        /// See [`Appoint`].
        Appoint = 18,
        /// See [`EndAppointment`].
        EndAppointment = 19,
        /// See [`ProxyAct`].
        ProxyAct = 20,
    }
}
