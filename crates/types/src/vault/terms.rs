//! The terms of a grant, and the letters in which a patient's device sends them.

use super::compartment::LINK_KEY_LENGTH;
use super::proxy::SignedMandate;
use crate::category::{Category, Purpose};
use crate::codec::{Bounded, Text, codec_struct};
use crate::ids::{Address, CompartmentId, GrantId, NetworkId, OrganisationId};
use crate::namespace;
use crate::state::GrantEntry;
use bytes::BufMut;
use commonware_codec::{Buf, Encode, Error, FixedSize, Read, Write};
use salus_crypto::hash::{Digest, hash};
use salus_crypto::sign::{PublicKey, Signature, SigningKey};
use std::fmt;
use zeroize::{Zeroize, ZeroizeOnDrop};

codec_struct! {
    /// What is granted. The ledger carries only the commitment; grantee and source know the terms from a
    /// letter, custodians when the grantee opens the commitment to them.
    pub secret struct Terms {
        /// The network.
        pub network: NetworkId,
        /// The grant.
        pub grant: GrantId,
        /// Whose records: the source organisation.
        pub source: OrganisationId,
        /// Who may read.
        pub grantee: OrganisationId,
        /// The patient at the source.
        pub owner: Address,
        /// For which purpose.
        pub purpose: Purpose,
        /// Time from which it holds, in milliseconds since 1970-01-01 UTC.
        pub not_before_ms: u64,
        /// Time from which it is dead; the same as on the ledger.
        pub expiry_ms: u64,
        /// The compartments granted, with all epochs before them.
        pub compartments: Bounded<CompartmentId, 64>,
        /// Whether compartments of later epochs follow.
        pub future: bool,
        /// Only this practitioner (commitment), if any.
        pub practitioner: Option<Digest>,
        /// Opens [`crate::action::Grant::scope`].
        pub scope_salt: [u8; 32],
    }
}

impl Terms {
    /// The commitment that the ledger carries.
    pub fn commitment(&self, salt: &[u8; 32]) -> Digest {
        hash("salus/terms/v1", &[salt, &self.encode()])
    }
}

codec_struct! {
    /// The patient's consent to terms, by the pairwise key that the source knows. A one-time key alone proves
    /// nothing: anyone can make one, and a former grantee still has old compartment keys.
    pub struct Consent {
        /// The pairwise public key, whose hash is [`Terms::owner`].
        pub key: PublicKey,
        /// Over the terms' encoding ([`crate::namespace::CONSENT`]).
        pub signature: Signature,
        /// If somebody acts for the patient: the mandate, whose key then consents in place of the patient's.
        pub mandate: Option<SignedMandate>,
    }
}

impl Consent {
    /// Consents to `terms` with the pairwise key at their source.
    pub fn sign(terms: &Terms, key: &SigningKey) -> Self {
        let signature = key.sign(namespace::CONSENT, &terms.encode());
        Self { key: key.public(), signature, mandate: None }
    }

    /// Consents to `terms` for the patient who signed the mandate, with the key that it names.
    pub fn sign_for(terms: &Terms, key: &SigningKey, mandate: SignedMandate) -> Self {
        Self { mandate: Some(mandate), ..Self::sign(terms, key) }
    }

    /// Whether the owner that `terms` names consents to them, or somebody whom that owner gave a mandate to share at this
    /// source for as long. Whether that mandate stood is the ledger's to say: see [`Self::is_as_granted`].
    pub fn is_by_owner(&self, terms: &Terms) -> bool {
        let signed = self.key.verify(namespace::CONSENT, &terms.encode(), &self.signature).is_ok();
        signed
            && match &self.mandate {
                None => Address::of(&self.key) == terms.owner,
                Some(signed) => {
                    let mandate = &signed.mandate;
                    signed.is_by_owner()
                        && mandate.proxy == self.key
                        && mandate.shares
                        && (mandate.network, &mandate.source, mandate.owner)
                            == (terms.network, &terms.source, terms.owner)
                        && terms.expiry_ms <= mandate.expiry_ms
                }
            }
    }

    /// Whether the ledger says of the grant that the same one made it: the patient, or who has this very mandate.
    pub fn is_as_granted(&self, entry: &GrantEntry) -> bool {
        let mandate = self.mandate.as_ref().map(|signed| &signed.mandate);
        let stated = mandate.map(|mandate| (mandate.appointment, mandate.commitment()));
        stated == entry.by_proxy.as_ref().map(|by| (by.appointment, by.mandate))
    }
}

/// A compartment's key on its way to a grantee.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct CompartmentKey {
    /// The compartment.
    #[zeroize(skip)]
    pub compartment: CompartmentId,
    /// Its category.
    #[zeroize(skip)]
    pub category: Category,
    /// The key CK.
    pub key: [u8; 32],
}

impl fmt::Debug for CompartmentKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CompartmentKey({})", self.compartment)
    }
}

impl Write for CompartmentKey {
    fn write(&self, buf: &mut impl BufMut) {
        self.compartment.write(buf);
        self.category.write(buf);
        self.key.write(buf);
    }
}

impl FixedSize for CompartmentKey {
    const SIZE: usize = 65;
}

impl Read for CompartmentKey {
    type Cfg = ();
    fn read_cfg(buf: &mut impl Buf, _: &()) -> Result<Self, Error> {
        Ok(Self {
            compartment: CompartmentId::read_cfg(buf, &())?,
            category: Category::read_cfg(buf, &())?,
            key: <[u8; 32]>::read_cfg(buf, &())?,
        })
    }
}

codec_struct! {
    /// From the patient's device to the grantee: the terms, how to open them, and the keys.
    pub secret struct Letter {
        /// The terms.
        pub terms: Terms,
        /// Opens their commitment.
        pub terms_salt: [u8; 32],
        /// The patient's consent to the terms.
        pub consent: Consent,
        /// The keys of the compartments named; those of epochs before them come from the source ([`EpochKeys`]).
        pub keys: Bounded<CompartmentKey, 64>,
        /// The patient's own FHIR Patient id at the grantee. Empty is refused: who grants registers there first.
        pub patient: Text<64>,
    }
}

codec_struct! {
    /// From the patient's device to the source: so that later epochs reach the grantee, and end with a revoke.
    pub secret struct SourceNotice {
        /// The terms.
        pub terms: Terms,
        /// Opens their commitment.
        pub terms_salt: [u8; 32],
        /// The patient's consent to the terms.
        pub consent: Consent,
    }
}

codec_struct! {
    /// From the source to a grantee: keys of epochs that the terms reach but do not name, while the grant stands.
    pub struct EpochKeys {
        /// The grant.
        pub grant: GrantId,
        /// The source.
        pub source: OrganisationId,
        /// The compartments' keys.
        pub keys: Bounded<CompartmentKey, 64>,
    }
}

codec_struct! {
    /// An HPKE envelope (X-Wing, HKDF-SHA256, AES-256-GCM) with its sender's signature.
    pub struct SealedEnvelope {
        /// KEM encapsulation.
        pub encapsulation: Bounded<u8, LINK_KEY_LENGTH>,
        /// Ciphertext.
        pub ciphertext: Bounded<u8, { 64 * 1024 * 1024 }>,
        /// Who signs.
        pub sender: PublicKey,
        /// Over `encapsulation || ciphertext || context` ([`crate::namespace::ENVELOPE`]), where context is
        /// the HPKE `info` of the envelope's kind.
        pub signature: Signature,
    }
}
