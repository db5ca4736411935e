//! Who acts for a patient: the mandate that the patient signs, and requests that rely on it.

use super::request::{PatientAsk, VERSIONS_PER_REQUEST_MAX};
use crate::category::Category;
use crate::codec::{Bounded, Text, codec_struct};
use crate::ids::{Address, AppointmentId, CompartmentId, NetworkId, OrganisationId, VersionId};
use crate::namespace;
use crate::organisation::KEM_KEY_LENGTH;
use bytes::BufMut;
use commonware_codec::{Buf, Encode, EncodeSize, Error, Read, Write};
use salus_crypto::hash::{Digest, hash};
use salus_crypto::sign::{PublicKey, Signature, SigningKey};
use std::fmt;
use zeroize::{Zeroize, ZeroizeOnDrop};

codec_struct! {
    /// How far somebody may act for a patient at one source. The ledger carries only its commitment.
    pub secret struct Mandate {
        /// The network.
        pub network: NetworkId,
        /// The appointment on the ledger.
        pub appointment: AppointmentId,
        /// Whose records: the source organisation.
        pub source: OrganisationId,
        /// The patient at the source.
        pub owner: Address,
        /// The key of who acts, made for this appointment alone.
        pub proxy: PublicKey,
        /// The X-Wing public key to which secret answers are sealed.
        pub kem_key: Bounded<u8, KEM_KEY_LENGTH>,
        /// Whether it may share, and stop what it shared; the same as on the ledger.
        pub shares: bool,
        /// Whether it may ask for corrections and restrictions.
        pub asks: bool,
        /// Time from which it is dead, in milliseconds since 1970-01-01 UTC; the same as on the ledger.
        pub expiry_ms: u64,
        /// One compartment of each category that may be seen; it stands for all epochs before and after it.
        pub compartments: Bounded<CompartmentId, 64>,
        /// Random: the commitment tells nothing of what it commits to.
        pub salt: [u8; 32],
    }
}

impl Mandate {
    /// The commitment that the ledger carries.
    pub fn commitment(&self) -> Digest {
        hash("salus/mandate/v1", &[&self.encode()])
    }

    /// Signed by the patient.
    pub fn sign(self, key: &SigningKey) -> SignedMandate {
        let signature = key.sign(namespace::MANDATE, &self.encode());
        SignedMandate { mandate: self, key: key.public(), signature }
    }
}

codec_struct! {
    /// A mandate with the patient's signature ([`crate::namespace::MANDATE`]).
    pub secret struct SignedMandate {
        /// The mandate.
        pub mandate: Mandate,
        /// The patient's pairwise public key, whose hash is [`Mandate::owner`].
        pub key: PublicKey,
        /// Over the mandate's encoding.
        pub signature: Signature,
    }
}

impl SignedMandate {
    /// Whether the patient that it names signed it.
    pub fn is_by_owner(&self) -> bool {
        Address::of(&self.key) == self.mandate.owner
            && self.key.verify(namespace::MANDATE, &self.mandate.encode(), &self.signature).is_ok()
    }
}

codec_struct! {
    /// A request of who acts for a patient, before it is signed.
    pub secret struct ProxyRequestBody {
        /// The organisation asked; it answers no request meant for another.
        pub audience: OrganisationId,
        /// What is asked; the directory is answered by sealed [`ProxyKeys`].
        pub ask: PatientAsk,
        /// On what it relies; it names network, key and source.
        pub mandate: SignedMandate,
        /// Number of the [`crate::proxy::ProxyRead`] on the ledger that is over exactly the versions asked for.
        pub act: Option<u32>,
        /// When it was signed, in milliseconds since 1970-01-01 UTC; five minutes either way are accepted.
        pub time_ms: u64,
        /// 16 random bytes; no request is answered twice.
        pub nonce: [u8; 16],
        /// The versions asked for, where the ask names versions.
        pub versions: Bounded<VersionId, VERSIONS_PER_REQUEST_MAX>,
    }
}

codec_struct! {
    /// A request signed with the key appointed ([`crate::namespace::PROXY_REQUEST`]).
    pub secret struct ProxyRequest {
        /// The request.
        pub body: ProxyRequestBody,
        /// Over the body's encoding.
        pub signature: Signature,
    }
}

impl ProxyRequest {
    /// Signs a request.
    pub fn sign(body: ProxyRequestBody, key: &SigningKey) -> Self {
        let signature = key.sign(namespace::PROXY_REQUEST, &body.encode());
        Self { body, signature }
    }

    /// Whether the key that the mandate names signed it.
    pub fn is_by_proxy(&self) -> bool {
        let proxy = &self.body.mandate.mandate.proxy;
        proxy.verify(namespace::PROXY_REQUEST, &self.body.encode(), &self.signature).is_ok()
    }
}

codec_struct! {
    /// From an organisation to a parent, or whoever else acts for a child that has no keys of its own.
    pub secret struct GuardianAnswer {
        /// The mandate, on the ledger.
        pub mandate: SignedMandate,
        /// The child's FHIR Patient id at the organisation: what another organisation's records can be shared with.
        pub patient: Text<64>,
        /// The name under which the organisation knows the child.
        pub name: Text<256>,
    }
}

/// A compartment's key on its way to who acts for the patient.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct ProxyKey {
    /// The compartment.
    #[zeroize(skip)]
    pub compartment: CompartmentId,
    /// Its epoch.
    #[zeroize(skip)]
    pub epoch: u32,
    /// The compartment of the epoch before.
    #[zeroize(skip)]
    pub predecessor: Option<CompartmentId>,
    /// Its category.
    #[zeroize(skip)]
    pub category: Category,
    /// The key CK.
    pub key: [u8; 32],
}

impl fmt::Debug for ProxyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ProxyKey({})", self.compartment)
    }
}

impl Write for ProxyKey {
    fn write(&self, buf: &mut impl BufMut) {
        self.compartment.write(buf);
        self.epoch.write(buf);
        self.predecessor.write(buf);
        self.category.write(buf);
        self.key.write(buf);
    }
}

impl EncodeSize for ProxyKey {
    fn encode_size(&self) -> usize {
        32 + 4 + self.predecessor.encode_size() + 1 + 32
    }
}

impl Read for ProxyKey {
    type Cfg = ();
    fn read_cfg(buf: &mut impl Buf, _: &()) -> Result<Self, Error> {
        Ok(Self {
            compartment: CompartmentId::read_cfg(buf, &())?,
            epoch: u32::read_cfg(buf, &())?,
            predecessor: Option::<CompartmentId>::read_cfg(buf, &())?,
            category: Category::read_cfg(buf, &())?,
            key: <[u8; 32]>::read_cfg(buf, &())?,
        })
    }
}

codec_struct! {
    /// From the source to who acts for a patient: the keys of what the mandate reaches, of all epochs.
    pub struct ProxyKeys {
        /// The keys.
        pub keys: Bounded<ProxyKey, 4_096>,
    }
}
