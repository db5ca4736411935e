//! Genesis: the organisations and parameters with which a network begins.

use crate::codec::{Bounded, Text, codec_struct};
use crate::ids::NetworkId;
use crate::organisation::{Class, Organisation};
use commonware_codec::Encode;
use salus_crypto::hash::hash;
use std::collections::BTreeSet;

/// Most organisations in one network.
pub const ORGANISATIONS_MAX: usize = 256;

codec_struct! {
    /// Rules that governance may change later.
    pub struct Parameters {
        /// Longest life of a pending transaction, in blocks.
        pub transaction_lifetime_blocks_max: u64,
        /// Longest period of a grant, in milliseconds.
        pub grant_period_ms_max: u64,
        /// Most transactions in a block.
        pub block_transactions_max: u32,
    }
}

impl Default for Parameters {
    fn default() -> Self {
        Self {
            transaction_lifetime_blocks_max: 10_000,
            grant_period_ms_max: 10 * 366 * 24 * 3_600 * 1_000,
            block_transactions_max: 4_096,
        }
    }
}

codec_struct! {
    /// The first state of a network; its hash is the network's id.
    pub struct Genesis {
        /// Name shown to people.
        pub name: Text<64>,
        /// Time of the genesis block, in milliseconds since 1970-01-01 UTC.
        pub time_ms: u64,
        /// Parameters.
        pub parameters: Parameters,
        /// Organisations, sorted by id.
        pub organisations: Bounded<Organisation, ORGANISATIONS_MAX>,
    }
}

/// Why a genesis is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GenesisError {
    /// Organisations are not sorted by id, or one appears twice.
    #[error("organisations are not in strictly ascending order of id")]
    Order,
    /// Two organisations share a node key.
    #[error("two organisations share a node key")]
    SharedKey,
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
    Custodian(String, Class),
    /// An X-Wing key of a wrong length.
    #[error("organisation `{0}` has an X-Wing key of a wrong length")]
    KemKey(String),
}

impl Genesis {
    /// The network's id.
    pub fn network(&self) -> NetworkId {
        NetworkId(hash("salus/network/v1", &[&self.encode()]))
    }

    /// Checks what every network must hold.
    ///
    /// # Errors
    /// The first rule that is broken.
    pub fn check(&self) -> Result<(), GenesisError> {
        if !self.organisations.windows(2).all(|pair| pair[0].id < pair[1].id) {
            return Err(GenesisError::Order);
        }
        let keys: BTreeSet<_> = self.organisations.iter().map(|o| o.node_key).collect();
        if keys.len() != self.organisations.len() {
            return Err(GenesisError::SharedKey);
        }
        if self.validators().next().is_none() {
            return Err(GenesisError::NoValidator);
        }
        for organisation in self.organisations.iter() {
            if organisation.custodian && !organisation.class.may_be_custodian() {
                return Err(GenesisError::Custodian(organisation.id.to_string(), organisation.class));
            }
            if organisation.kem_key.len() != crate::organisation::KEM_KEY_LENGTH {
                return Err(GenesisError::KemKey(organisation.id.to_string()));
            }
        }
        self.check_seats()
    }

    /// Payers and makers together have at most f seats: consensus bears that many faults, so they alone can neither
    /// stop a block that the others want nor help one past them.
    fn check_seats(&self) -> Result<(), GenesisError> {
        let validators = self.validators().count();
        let found = self.validators().filter(|organisation| organisation.class.gains_from_records()).count();
        let most = validators.saturating_sub(1) / 3;
        if found > most { Err(GenesisError::Interested { found, validators, most }) } else { Ok(()) }
    }

    /// The organisations that vote.
    pub fn validators(&self) -> impl Iterator<Item = &Organisation> {
        self.organisations.iter().filter(|organisation| organisation.validator)
    }

    /// The organisations that keep packages and shares of others.
    pub fn custodians(&self) -> impl Iterator<Item = &Organisation> {
        self.organisations.iter().filter(|organisation| organisation.custodian)
    }

    /// The organisation with a short name.
    pub fn organisation(&self, id: &crate::ids::OrganisationId) -> Option<&Organisation> {
        self.organisations.iter().find(|organisation| organisation.id == *id)
    }
}
