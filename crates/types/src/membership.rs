//! Who the members are and what each may do, as every node counts them: seats, keys, duties.

use crate::codec::codec_struct;
use crate::ids::OrganisationId;
use crate::organisation::{Class, Organisation};
use salus_crypto::hash::{Digest, hash};
use salus_crypto::sign::PublicKey;
use std::collections::BTreeSet;

/// Custodians that a network with custody must keep: a record's key material has three holders.
pub const CUSTODIANS_MIN: usize = 3;

codec_struct! {
    /// A member in a few bytes; [`Organisation`] has the rest.
    pub struct Member {
        /// Its short name.
        pub id: OrganisationId,
        /// Its node key.
        pub node_key: PublicKey,
        /// Its class.
        pub class: Class,
        /// Whether it votes in consensus.
        pub validator: bool,
        /// Whether it keeps sealed packages and shares of others.
        pub custodian: bool,
        /// SHA-256 of its TLS certificate (DER).
        pub tls_certificate: Digest,
    }
}

impl From<&Organisation> for Member {
    fn from(organisation: &Organisation) -> Self {
        Self {
            id: organisation.id.clone(),
            node_key: organisation.node_key,
            class: organisation.class,
            validator: organisation.validator,
            custodian: organisation.custodian,
            tls_certificate: organisation.tls_certificate,
        }
    }
}

/// Why organisations cannot be the members of a network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MembershipError {
    /// Two organisations share a short name.
    #[error("two organisations are named `{0}`")]
    SharedName(OrganisationId),
    /// Two organisations share a node key.
    #[error("two organisations share a node key")]
    SharedKey,
    /// Two organisations share a TLS certificate, so that nobody could tell one from the other.
    #[error("two organisations share a TLS certificate")]
    SharedCertificate,
    /// No organisation is a validator.
    #[error("no organisation is a validator")]
    NoValidator,
    /// Payers and makers could stop the network, or with others decide for it.
    #[error("payers and makers have {found} of {validators} seats, where at most {most} are allowed")]
    Interested {
        /// Their seats.
        found: usize,
        /// All seats, n.
        validators: usize,
        /// `f = (n - 1) / 3`: what the others outvote whatever these do.
        most: usize,
    },
    /// A custodian of a class that must not be one.
    #[error("organisation `{0}` may not be a custodian: its class is `{1}`")]
    Custodian(OrganisationId, Class),
}

/// Checks what the members of every network must hold.
///
/// # Errors
/// The first rule that is broken.
pub fn check_members(members: &[Member]) -> Result<(), MembershipError> {
    let mut names = BTreeSet::new();
    if let Some(twice) = members.iter().find(|member| !names.insert(&member.id)) {
        return Err(MembershipError::SharedName(twice.id.clone()));
    }
    let keys: BTreeSet<_> = members.iter().map(|member| member.node_key).collect();
    if keys.len() != members.len() {
        return Err(MembershipError::SharedKey);
    }
    let certificates: BTreeSet<_> = members.iter().map(|member| member.tls_certificate).collect();
    if certificates.len() != members.len() {
        return Err(MembershipError::SharedCertificate);
    }
    if let Some(member) = members.iter().find(|member| member.custodian && !member.class.may_be_custodian()) {
        return Err(MembershipError::Custodian(member.id.clone(), member.class));
    }
    check_seats(members)
}

/// Payers and makers together have at most f seats: consensus bears that many faults, so they alone can neither
/// stop a block that the others want nor help one past them.
fn check_seats(members: &[Member]) -> Result<(), MembershipError> {
    let seats = || members.iter().filter(|member| member.validator);
    let validators = seats().count();
    if validators == 0 {
        return Err(MembershipError::NoValidator);
    }
    let found = seats().filter(|member| member.class.gains_from_records()).count();
    let most = (validators - 1) / 3;
    if found > most { Err(MembershipError::Interested { found, validators, most }) } else { Ok(()) }
}

/// Node keys of the validators, in the order in which certificates name them: ascending.
pub fn validator_keys<'a>(members: impl IntoIterator<Item = &'a Member>) -> Vec<PublicKey> {
    let mut keys: Vec<_> =
        members.into_iter().filter(|member| member.validator).map(|member| member.node_key).collect();
    keys.sort_unstable();
    keys
}

/// What the last header of an epoch says of the validators of the next one; `keys` are in ascending order.
pub fn validators_hash(keys: &[PublicKey]) -> Digest {
    let bytes: Vec<u8> = keys.iter().flat_map(|key| key.as_ref().iter().copied()).collect();
    hash("salus/validators/v1", &[&bytes])
}
