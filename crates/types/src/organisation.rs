//! Organisations: who they are, what they may do, which keys speak for them.

use crate::codec::{Bounded, Text, codec_enum, codec_struct};
use crate::ids::OrganisationId;
use salus_crypto::hash::Digest;
use salus_crypto::sign::PublicKey;

codec_enum! {
    /// What kind of organisation this is; contracts decide by it.
    pub enum Class {
        /// Hospital, clinic, practice.
        Provider = 1 => "provider",
        /// Insurer.
        Payer = 2 => "payer",
        /// Research institute.
        Research = 3 => "research",
        /// Maker of medicines or devices.
        Manufacturer = 4 => "manufacturer",
        /// Distributor.
        Distributor = 5 => "distributor",
        /// Pharmacy.
        Pharmacy = 6 => "pharmacy",
        /// Regulator.
        Regulator = 7 => "regulator",
    }
}

impl Class {
    /// Whether such an organisation may keep sealed packages and shares of others: never one that gains
    /// from reading them.
    pub fn may_be_custodian(self) -> bool {
        matches!(self, Self::Provider | Self::Regulator)
    }

    /// Whether such an organisation pays for care or sells to it: a payer or a maker of medicines or devices.
    pub fn gains_from_records(self) -> bool {
        matches!(self, Self::Payer | Self::Manufacturer)
    }

    /// Whether such an organisation keeps clinical records of its own and may register patients and anchor.
    pub fn keeps_records(self) -> bool {
        matches!(self, Self::Provider | Self::Pharmacy | Self::Payer)
    }
}

/// Length of an X-Wing public key in bytes (draft-connolly-cfrg-xwing-kem).
pub const KEM_KEY_LENGTH: usize = 1_216;

codec_struct! {
    /// An organisation as the ledger knows it.
    pub struct Organisation {
        /// Short name, unique in the network.
        pub id: OrganisationId,
        /// Name shown to people.
        pub name: Text<128>,
        /// Its class.
        pub class: Class,
        /// Whether it votes in consensus.
        pub validator: bool,
        /// Whether it keeps sealed packages and shares.
        pub custodian: bool,
        /// Ed25519 key of its node: consensus, transactions, signatures between organisations.
        pub node_key: PublicKey,
        /// X-Wing key to which others seal what is meant for it.
        pub kem_key: Bounded<u8, KEM_KEY_LENGTH>,
        /// SHA-256 of its TLS certificate (DER): other nodes accept no other.
        pub tls_certificate: Digest,
        /// `host:port` where its node takes part in the ledger's network.
        pub ledger_address: Text<128>,
        /// `https://host:port` where its node answers other nodes (mutual TLS).
        pub peer_url: Text<256>,
        /// URL of its portal.
        pub portal_url: Text<256>,
    }
}
