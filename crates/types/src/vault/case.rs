//! What a person asks of an organisation about their own rights: to amend a record, to restrict its use.

use super::proxy::SignedMandate;
use crate::codec::{Bounded, Text, codec_struct, unsigned};
use crate::ids::{NetworkId, OrganisationId};
use crate::namespace;
use crate::organisation::KEM_KEY_LENGTH;
use salus_crypto::sign::{PublicKey, Signature, SigningKey};

/// Longest text of a letter in bytes: two long explanations, written with escapes.
pub const CASE_TEXT_BYTES_MAX: usize = 24 * 1024;

codec_struct! {
    /// A letter about a person's rights, sealed to the organisation so that the portal in between learns nothing, and
    /// signed with the pairwise key. Answered by a sealed JSON document.
    pub secret struct CaseLetter {
        /// The network.
        pub network: NetworkId,
        /// The organisation meant; no other answers it.
        pub organisation: OrganisationId,
        /// The pairwise public key of the person there, or the key of who acts.
        pub patient: PublicKey,
        /// The X-Wing public key to which the answer is sealed.
        pub kem_key: Bounded<u8, KEM_KEY_LENGTH>,
        /// When it was signed, in milliseconds since 1970-01-01 UTC; five minutes either way are accepted.
        pub time_ms: u64,
        /// 16 random bytes; no letter is answered twice.
        pub nonce: [u8; 16],
        /// What is asked, as JSON (`docs/protocol/cases.md`).
        pub text: Text<CASE_TEXT_BYTES_MAX>,
        /// If somebody acts for the patient: the mandate, whose key then signs and is named as `patient`.
        pub mandate: Option<SignedMandate>,
        /// The pairwise key over all that precedes ([`crate::namespace::CASE`]).
        pub signature: Signature,
    }
}

impl CaseLetter {
    /// Signs with the pairwise key; a signature that is there already does not count.
    #[must_use]
    pub fn signed(mut self, key: &SigningKey) -> Self {
        self.signature = key.sign(namespace::CASE, &unsigned(&self));
        self
    }

    /// Whether the person that it names signed it, and is the one that the mandate names, if it relies on one.
    pub fn is_by_sender(&self) -> bool {
        let named = self.mandate.as_ref().is_none_or(|signed| signed.mandate.proxy == self.patient);
        named && self.patient.verify(namespace::CASE, &unsigned(self), &self.signature).is_ok()
    }
}
