//! Compartments: who owns them, and under which keys their keys are wrapped.

use crate::category::Category;
use crate::codec::{Bounded, codec_struct};
use crate::ids::{Address, CompartmentId, NetworkId, OrganisationId};
use salus_crypto::sign::Signature;
use zeroize::Zeroize;

/// Length of the X-Wing encapsulation that carries a link key, in bytes.
pub const LINK_KEY_LENGTH: usize = 1_120;

/// Length of a wrapped compartment key: [`WrapContent`] (33 bytes) and the GCM tag.
pub const WRAPPED_KEY_LENGTH: usize = 33 + 16;

codec_struct! {
    /// A link key from an organisation to a patient: one X-Wing exchange, under which all compartment keys
    /// of the patient at that source are wrapped.
    pub struct PatientLink {
        /// The network.
        pub network: NetworkId,
        /// The source organisation that made it.
        pub source: OrganisationId,
        /// The patient at the source.
        pub owner: Address,
        /// Number of the link; compartment records name it.
        pub number: u32,
        /// X-Wing encapsulation to the patient's key; the link key is exported from it.
        pub encapsulation: Bounded<u8, LINK_KEY_LENGTH>,
        /// The source's signature over all that precedes ([`crate::namespace::LINK`]).
        pub signature: Signature,
    }
}

codec_struct! {
    /// What a source states about one of its compartments.
    pub struct CompartmentStatement {
        /// The network.
        pub network: NetworkId,
        /// The compartment.
        pub compartment: CompartmentId,
        /// The source organisation.
        pub source: OrganisationId,
        /// Its epoch, from 0.
        pub epoch: u32,
        /// The compartment of the epoch before, whose grants "future records too" reach this one.
        pub predecessor: Option<CompartmentId>,
        /// The patient at the source, once enrolled: may read without an access event.
        pub owner: Option<Address>,
        /// The patient link under which `wrapped` is wrapped.
        pub link: u32,
        /// [`WrapContent`] under AES-256-GCM with `HKDF(link key, info = compartment)`, nonce 0, aad =
        /// compartment. Empty until the patient has enrolled.
        pub wrapped: Bounded<u8, WRAPPED_KEY_LENGTH>,
        /// Rises with every change; custodians keep the newest.
        pub revision: u32,
    }
}

codec_struct! {
    /// A statement and the source's signature over it ([`crate::namespace::COMPARTMENT`]).
    pub struct CompartmentRecord {
        /// The statement.
        pub statement: CompartmentStatement,
        /// Over the statement's encoding.
        pub signature: Signature,
    }
}

/// What a wrap holds: the compartment's key and category.
pub struct WrapContent {
    /// The compartment key CK.
    pub key: [u8; 32],
    /// The category, which custodians never see.
    pub category: Category,
}

impl WrapContent {
    /// 33 bytes: key, category.
    pub fn to_bytes(&self) -> zeroize::Zeroizing<[u8; 33]> {
        let mut bytes = zeroize::Zeroizing::new([0; 33]);
        bytes[..32].copy_from_slice(&self.key);
        bytes[32] = self.category.code();
        bytes
    }

    /// Reads what [`Self::to_bytes`] wrote.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (key, category) = bytes.split_at_checked(32)?;
        let [category] = category else { return None };
        Some(Self { key: key.try_into().ok()?, category: Category::from_code(*category)? })
    }
}

impl Drop for WrapContent {
    fn drop(&mut self) {
        self.key.zeroize();
    }
}
