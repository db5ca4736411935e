//! Emergency summaries: what a source hands to those who hold shares of the key, and what opens it.

use super::terms::SealedEnvelope;
use crate::codec::{Bounded, Text, codec_struct};
use crate::emergency::EMERGENCY_HOLDERS_MAX;
use crate::ids::{CompartmentId, EmergencyId, NetworkId, OrganisationId, PractitionerCredential};
use crate::namespace;
use commonware_codec::Encode;
use salus_crypto::hash::Digest;
use salus_crypto::sign::{PublicKey, Signature, SigningKey};

/// Largest sealed summary in bytes.
pub const EMERGENCY_BYTES_MAX: usize = 512 * 1024;

codec_struct! {
    /// What a source states about the emergency summary of one of its patients.
    pub struct EmergencyStatement {
        /// The network.
        pub network: NetworkId,
        /// The source.
        pub source: OrganisationId,
        /// 32 random bytes that name the patient's emergency compartment until its key is replaced.
        pub compartment: CompartmentId,
        /// Rises with every change of the summary; holders keep the newest.
        pub revision: u32,
        /// The compartment before, which its holders destroy.
        pub replaces: Option<CompartmentId>,
        /// Who holds a share of the key, by its coordinate from 1. Nobody, if the summary is withdrawn.
        pub holders: Bounded<OrganisationId, EMERGENCY_HOLDERS_MAX>,
        /// Hashes of the shares, in the same order: a bad share is attributed to who gave it.
        pub share_commitments: Bounded<Digest, EMERGENCY_HOLDERS_MAX>,
        /// Shares that open it.
        pub threshold: u8,
        /// SHA-256 of the sealed summary.
        pub ciphertext_digest: Digest,
        /// When it was made, by the source's clock, in milliseconds since 1970-01-01 UTC.
        pub made_ms: u64,
    }
}

codec_struct! {
    /// A sealed summary, its statement and the source's signature ([`crate::namespace::EMERGENCY`]).
    pub struct EmergencyPackage {
        /// The statement.
        pub statement: EmergencyStatement,
        /// The summary under AES-256-GCM with `HKDF(emergency key, info = compartment, revision)`, nonce 0, aad =
        /// compartment and revision. Empty if it is withdrawn.
        pub ciphertext: Bounded<u8, EMERGENCY_BYTES_MAX>,
        /// Over the statement's encoding.
        pub signature: Signature,
    }
}

impl EmergencyPackage {
    /// Signs with the source's node key.
    pub fn sign(
        statement: EmergencyStatement,
        ciphertext: Bounded<u8, EMERGENCY_BYTES_MAX>,
        key: &SigningKey,
    ) -> Self {
        let signature = key.sign(namespace::EMERGENCY, &statement.encode());
        Self { statement, ciphertext, signature }
    }

    /// Whether `key` signed the statement.
    pub fn is_by(&self, key: &PublicKey) -> bool {
        key.verify(namespace::EMERGENCY, &self.statement.encode(), &self.signature).is_ok()
    }
}

codec_struct! {
    /// A summary on its way from its source to one holder, or to a former one.
    pub struct EmergencyParcel {
        /// The summary.
        pub package: EmergencyPackage,
        /// [`EmergencyShare`], sealed by the source to the holder ([`crate::label::HPKE_EMERGENCY_SHARE`]); none for
        /// who holds nothing any more.
        pub share: Option<SealedEnvelope>,
    }
}

codec_struct! {
    /// One share of an emergency key.
    pub secret struct EmergencyShare {
        /// Of which compartment.
        pub compartment: CompartmentId,
        /// Its coordinate.
        pub index: u8,
        /// Its value.
        pub value: [u8; 32],
    }
}

codec_struct! {
    /// From the organisation that broke the glass to a holder.
    pub secret struct EmergencyAsk {
        /// The event, final on the ledger.
        pub event: EmergencyId,
        /// Opens the event's target.
        pub salt: [u8; 32],
        /// The source.
        pub source: OrganisationId,
        /// The emergency compartment.
        pub compartment: CompartmentId,
    }
}

codec_struct! {
    /// What a holder releases.
    pub struct EmergencyRelease {
        /// [`EmergencyShare`], sealed by the holder to who asked ([`crate::label::HPKE_EMERGENCY_RELEASE`]).
        pub share: SealedEnvelope,
        /// The summary.
        pub package: EmergencyPackage,
    }
}

codec_struct! {
    /// To the source: a summary of its own was opened. From each holder that released, and from who broke the glass.
    pub secret struct EmergencyNotice {
        /// The event and how its target opens.
        pub ask: EmergencyAsk,
        /// Who opened it and why, from the organisation that did.
        pub account: Option<EmergencyAccount>,
    }
}

codec_struct! {
    /// Who broke the glass, and why: opens the event's commitments.
    pub secret struct EmergencyAccount {
        /// The practitioner.
        pub credential: PractitionerCredential,
        /// Opens the statement's commitment.
        pub salt: [u8; 32],
        /// The reason in words.
        pub words: Text<2_048>,
    }
}

codec_struct! {
    /// Asks whether a person, known by these alone, is a patient there.
    pub secret struct EmergencyFind {
        /// Family name.
        pub family: Text<128>,
        /// First given name.
        pub given: Text<128>,
        /// `YYYY-MM-DD`.
        pub birth_date: Text<10>,
        /// FHIR administrative gender.
        pub sex: Text<16>,
    }
}

codec_struct! {
    /// Exactly one person fits, and has an emergency summary.
    pub struct EmergencyFound {
        /// Its compartment.
        pub compartment: CompartmentId,
        /// Who holds shares.
        pub holders: Bounded<OrganisationId, EMERGENCY_HOLDERS_MAX>,
        /// How many of them open it.
        pub threshold: u8,
    }
}
