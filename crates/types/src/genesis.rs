//! Genesis: the organisations and parameters with which a network begins.

use crate::block::BLOCK_TRANSACTIONS_MAX;
use crate::codec::{Bounded, Text, codec_struct};
use crate::ids::NetworkId;
use crate::membership::{Member, MembershipError, check_members};
use crate::organisation::{KEM_KEY_LENGTH, Organisation};
use commonware_codec::Encode;
use salus_crypto::hash::hash;
use std::ops::RangeInclusive;

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
        /// Blocks in an epoch: how long a change that was voted for waits at most.
        pub epoch_blocks: u32,
        /// How long a proposal is open for votes, in milliseconds.
        pub voting_period_ms: u64,
        /// Blocks that every node keeps, counted from the newest one back; it may delete what is older.
        pub blocks_retained: u64,
        /// Which rules are in force. It grows by one at a time; a node that does not know the new rules stops.
        pub protocol: u32,
    }
}

const DAY_MS: u64 = 24 * 3_600 * 1_000;
/// Allowed lives of a pending transaction, in blocks.
pub const TRANSACTION_LIFETIME_BLOCKS: RangeInclusive<u64> = 16..=1_000_000;
/// Allowed longest periods of a grant, in milliseconds.
pub const GRANT_PERIOD_MS: RangeInclusive<u64> = DAY_MS..=(100 * 366 * DAY_MS);
/// Allowed lengths of an epoch, in blocks.
pub const EPOCH_BLOCKS: RangeInclusive<u32> = 4..=10_000_000;
/// Allowed voting periods, in milliseconds.
pub const VOTING_PERIOD_MS: RangeInclusive<u64> = 60_000..=(366 * DAY_MS);
/// Fewest blocks that nodes keep: those that come while another one fetches the state.
pub const BLOCKS_RETAINED_MIN: u64 = 1_024;
/// Fewest epochs of which nodes keep all blocks: whoever joins begins in the running one.
pub const EPOCHS_RETAINED_MIN: u64 = 2;
/// The rules that this version of Salus knows. Those of a network are [`Parameters::protocol`].
pub const PROTOCOLS: RangeInclusive<u32> = 1..=1;

/// A parameter outside its range.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` must lie between {least} and {most}")]
pub struct ParameterError {
    /// The parameter.
    pub name: &'static str,
    /// Its least value.
    pub least: u64,
    /// Its largest value.
    pub most: u64,
}

impl Parameters {
    /// Checks every parameter against its range.
    ///
    /// # Errors
    /// The first that lies outside.
    pub fn check(&self) -> Result<(), ParameterError> {
        let epoch = u64::from(*EPOCH_BLOCKS.start())..=u64::from(*EPOCH_BLOCKS.end());
        let epochs = EPOCHS_RETAINED_MIN.saturating_mul(self.epoch_blocks.into());
        let retained = BLOCKS_RETAINED_MIN.max(epochs)..=u64::MAX;
        for (name, value, range) in [
            (
                "transaction_lifetime_blocks_max",
                self.transaction_lifetime_blocks_max,
                TRANSACTION_LIFETIME_BLOCKS,
            ),
            ("grant_period_ms_max", self.grant_period_ms_max, GRANT_PERIOD_MS),
            ("block_transactions_max", self.block_transactions_max.into(), 1..=BLOCK_TRANSACTIONS_MAX as u64),
            ("epoch_blocks", self.epoch_blocks.into(), epoch),
            ("voting_period_ms", self.voting_period_ms, VOTING_PERIOD_MS),
            ("blocks_retained", self.blocks_retained, retained),
            ("protocol", self.protocol.into(), 1..=u64::from(u32::MAX)),
        ] {
            if !range.contains(&value) {
                return Err(ParameterError { name, least: *range.start(), most: *range.end() });
            }
        }
        Ok(())
    }
}

impl Default for Parameters {
    fn default() -> Self {
        Self {
            transaction_lifetime_blocks_max: 10_000,
            grant_period_ms_max: 10 * 366 * DAY_MS,
            block_transactions_max: 4_096,
            epoch_blocks: 1_024,
            voting_period_ms: 14 * DAY_MS,
            blocks_retained: 500_000,
            protocol: *PROTOCOLS.start(),
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
    /// The organisations cannot be the members of a network.
    #[error(transparent)]
    Membership(#[from] MembershipError),
    /// A parameter lies outside its range.
    #[error(transparent)]
    Parameter(#[from] ParameterError),
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
        let wrong = |organisation: &&Organisation| organisation.kem_key.len() != KEM_KEY_LENGTH;
        if let Some(organisation) = self.organisations.iter().find(wrong) {
            return Err(GenesisError::KemKey(organisation.id.to_string()));
        }
        self.parameters.check()?;
        Ok(check_members(&self.members())?)
    }

    /// The organisations as members.
    pub fn members(&self) -> Vec<Member> {
        self.organisations.iter().map(Member::from).collect()
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
