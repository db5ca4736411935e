//! Requests to custodians and sources, and their answers.

use super::compartment::{CompartmentRecord, PatientLink};
use super::package::SealedPackage;
use super::terms::{Consent, SealedEnvelope, Terms};
use crate::codec::{Bounded, Text, codec_enum, codec_struct};
use crate::ids::{AccessId, CompartmentId, NetworkId, OrganisationId, VersionId};
use crate::organisation::KEM_KEY_LENGTH;
use salus_crypto::merkle::InclusionProof;
use salus_crypto::sign::{PublicKey, Signature};

/// Most versions in one request.
pub const VERSIONS_PER_REQUEST_MAX: usize = 4_096;

/// Most shares in one answer: while a batch moves, a custodian keeps two generations of it.
pub const SHARES_PER_RELEASE_MAX: usize = 2 * VERSIONS_PER_REQUEST_MAX;

codec_enum! {
    /// What a patient asks of an organisation.
    pub enum PatientAsk {
        /// The compartments and links of the signing address: answered by [`Directory`].
        Directory = 1 => "directory",
        /// The versions in those compartments: answered by [`VersionList`].
        Versions = 2 => "versions",
        /// Shares and packages: answered by a sealed [`Release`].
        Release = 3 => "release",
        /// Shares only: answered by a sealed [`Release`] without packages.
        Shares = 4 => "shares",
        /// Who read, from the organisation's own access log: answered by a sealed JSON document.
        AccessLog = 5 => "access-log",
    }
}

codec_struct! {
    /// A patient's request before it is signed.
    pub struct PatientRequestBody {
        /// The network.
        pub network: NetworkId,
        /// The organisation asked; it answers no request meant for another.
        pub audience: OrganisationId,
        /// What is asked.
        pub ask: PatientAsk,
        /// The pairwise public key of the patient at the source whose records are meant.
        pub patient: PublicKey,
        /// The X-Wing public key to which a secret answer is sealed.
        pub kem_key: Bounded<u8, KEM_KEY_LENGTH>,
        /// When it was signed, in milliseconds since 1970-01-01 UTC; five minutes either way are accepted.
        pub time_ms: u64,
        /// 16 random bytes; no request is answered twice.
        pub nonce: [u8; 16],
        /// The versions asked for, where the ask names versions.
        pub versions: Bounded<VersionId, VERSIONS_PER_REQUEST_MAX>,
    }
}

codec_struct! {
    /// A patient's request, signed with the pairwise key ([`crate::namespace::PATIENT_REQUEST`]).
    pub struct PatientRequest {
        /// The request.
        pub body: PatientRequestBody,
        /// Over the body's encoding.
        pub signature: Signature,
    }
}

codec_struct! {
    /// What an organisation knows of a patient's compartments.
    pub struct Directory {
        /// Links from sources to the patient.
        pub links: Bounded<PatientLink, 256>,
        /// Compartments, of all epochs.
        pub compartments: Bounded<CompartmentRecord, 4_096>,
    }
}

codec_struct! {
    /// A version and its compartment.
    pub struct ListedVersion {
        /// The compartment.
        pub compartment: CompartmentId,
        /// The version.
        pub version: VersionId,
    }
}

codec_struct! {
    /// Version ids with their compartments, in the order in which they were sealed.
    pub struct VersionList {
        /// The versions.
        pub versions: Bounded<ListedVersion, 1_000_000>,
    }
}

codec_struct! {
    /// A grantee's request to a custodian. The connection (mutual TLS) says who asks.
    pub secret struct ReleaseForGrant {
        /// The finalised access event.
        pub access: AccessId,
        /// The terms on which it relies.
        pub terms: Terms,
        /// Opens their commitment.
        pub terms_salt: [u8; 32],
        /// The patient's consent to the terms.
        pub consent: Consent,
        /// The versions, all of them, in the order of the event's root.
        pub versions: Bounded<VersionId, VERSIONS_PER_REQUEST_MAX>,
        /// Whether packages are wanted, or shares alone.
        pub packages: bool,
    }
}

codec_struct! {
    /// A grantee asks which versions its grant reaches; needs a live grant, no access event.
    pub secret struct ReleaseAsk {
        /// The terms.
        pub terms: Terms,
        /// Opens their commitment.
        pub terms_salt: [u8; 32],
        /// The patient's consent to the terms.
        pub consent: Consent,
    }
}

codec_struct! {
    /// One released share of `S`.
    pub secret struct ReleasedShare {
        /// The version.
        pub version: VersionId,
        /// Shamir coordinate; it tells the generation ([`crate::vault::CustodyItem::share_index`]).
        pub index: u8,
        /// The share's value.
        pub value: [u8; 32],
    }
}

codec_struct! {
    /// One released package with the place of its commitment in an anchored batch.
    pub struct ReleasedVersion {
        /// The sealed package.
        pub package: SealedPackage,
        /// The source, whose anchor has the sequence below.
        pub source: OrganisationId,
        /// Sequence of the anchor.
        pub sequence: u64,
        /// Path from the commitment to the batch root.
        pub path: InclusionProof,
    }
}

codec_struct! {
    /// A custodian's answer: the shares, sealed to who asked (an encoded list of [`ReleasedShare`]), and the
    /// packages, which are sealed anyway.
    pub struct Release {
        /// Envelope of `Bounded<ReleasedShare, SHARES_PER_RELEASE_MAX>`; to a source, of [`super::GivenBack`].
        pub shares: SealedEnvelope,
        /// Packages, if asked for; versions that are unknown or not yet anchored are left out.
        pub versions: Bounded<ReleasedVersion, VERSIONS_PER_REQUEST_MAX>,
    }
}

codec_struct! {
    /// A person enrols with an invite: sealed to the organisation, so that the portal in between learns nothing.
    pub secret struct EnrolmentRequest {
        /// The network.
        pub network: NetworkId,
        /// The organisation that issued the invite.
        pub organisation: OrganisationId,
        /// The invite's code.
        pub invite: Text<64>,
        /// The pairwise public key for this organisation.
        pub patient: PublicKey,
        /// The pairwise X-Wing public key for this organisation.
        pub kem_key: Bounded<u8, KEM_KEY_LENGTH>,
        /// Signature of the pairwise key over all that precedes ([`crate::namespace::ENROLMENT`]).
        pub signature: Signature,
    }
}

codec_struct! {
    /// The organisation's answer, sealed to the patient's pairwise X-Wing key.
    pub secret struct EnrolmentAnswer {
        /// The FHIR Patient id at the organisation.
        pub patient: Text<64>,
        /// The name under which the organisation knows the person.
        pub name: Text<256>,
        /// Links and compartments.
        pub directory: Directory,
    }
}
